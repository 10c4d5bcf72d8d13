"""Seeded chaos in one process: after any sequence of faults a rerun gives what an undisturbed run gives.

A round is up to three sessions on one results folder, each with faults of its own (a kill, a full disk, a
broken one or Ctrl-C at a chosen disk operation; exceptions in dataset, method and metrics), with damaged
files in between, then one session without faults. Longer: REFBENCH_CHAOS_ROUNDS=1000.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from refbench.auditing.audit import audit
from refbench.errors import UserError
from refbench.execution.serial import SerialExecutor
from refbench.registry import Registry
from refbench.store import read_manifest

ROUNDS = int(os.environ.get("REFBENCH_CHAOS_ROUNDS", "45"))
TMPFS_ROUNDS = max(5, ROUNDS // 9)
REGISTRY = Registry.discover()
BLOCK = 4096
"""What a tmpfs gives out at a time."""


@dataclass(frozen=True)
class Study:
    """The world, and what it gives when nothing goes wrong."""

    world: Any
    expected: Any
    calm: Path
    """Where that is."""
    operations: int
    """Changes of the disk in an undisturbed run."""


@pytest.fixture(scope="module")
def study(
    tmp_path_factory: pytest.TempPathFactory, chaos_world: ModuleType, disk_faults: ModuleType
) -> Study:
    folder = tmp_path_factory.mktemp("chaos")
    world = chaos_world.make_world(folder)
    with disk_faults.Disk(folder).fails() as disk:
        outcome = world.run(folder / "calm", SerialExecutor())
    assert (outcome.computed, outcome.errors) == (12, 0)
    expected = chaos_world.fingerprint(folder / "calm", world.plan)
    assert expected.keys() == world.trials()
    # more would make the faults of the rounds rarer than they look
    assert 60 < disk.count < 200
    return Study(world, expected, folder / "calm", disk.count)


class Round:
    """One results folder and everything that happens to it."""

    def __init__(self, study: Study, out: Path, seed: int, modules: tuple[ModuleType, ...]) -> None:
        self.study, self.out, self.rng = study, out, Random(seed)
        self.world, self.faults, self.damage = modules
        self.cut_images: set[Path] = set()
        self.cut_manifests: set[Path] = set()

    def moods(self) -> None:
        """Let some images fail, some more than once."""
        self.study.world.calm()
        for _ in range(self.rng.choice((0, 0, 1, 2, 4))):
            place = self.rng.choice(("dataset", "method", "metric"))
            name = "any" if place == "metric" else self.rng.choice(self.world.IDS)
            what = self.rng.choice(("raise", "memory", "exit"))
            (self.study.world.moods / f"{place}.{name}").write_text(f"{what} {self.rng.choice((1, 2, 9))}")

    def session(self, kind: str) -> None:
        """One run with faults, and what must hold after it."""
        self.moods()
        # the beginning of a folder is short, and has operations of its own
        at = self.rng.randrange(self.rng.choice((20, self.study.operations)))
        disk = self.faults.Disk(self.out, kind, at, self.rng)
        watcher = self.world.Silent()
        before = self.study.world.finished(self.out)
        try:
            with self.world.striking_metrics(self.study.world.moods), disk.fails():
                self.study.world.run(self.out, SerialExecutor(), watcher, retries=self.rng.choice((0, 1, 2)))
        except self.faults.Killed:
            assert kind == "kill"
        except KeyboardInterrupt:
            assert kind.startswith("interrupt")
        except UserError as error:
            assert kind in ("full", "broken")
            self.one_clear_line(str(error), full=kind == "full")
        self.holds(before | {(key, row.key) for key, row in watcher.said if row.ok})

    def one_clear_line(self, text: str, full: bool) -> None:
        assert text.startswith(f"results folder {self.out}")
        assert "\n" not in text
        assert "run the same command again" in text
        if full:
            assert "disk full (No space left on device); what is written is kept" in text

    def holds(self, known: set[Any]) -> None:
        """Nothing that was finished is lost, nothing that is there is wrong."""
        there = self.fingerprint()
        assert known <= there.keys()
        assert all(self.study.expected[key] == row for key, row in there.items())
        for path in self.out.glob("*/manifest.json"):
            if path not in self.cut_manifests:
                # no fault of a run leaves a part of it
                read_manifest(path.parent)
                assert not (path.parent / "manifest.damaged").exists()

    def fingerprint(self) -> Any:
        found = self.world.fingerprint(self.out, self.study.world.plan)
        for key, row in found.items():
            for path in self.cut_images:
                # a row stands, whatever becomes of its image
                if path.name in row[-2] and key[0].startswith(path.parent.parent.name):
                    found[key] = (*row[:-1], self.study.expected[key][-1])
        return found

    def hurt(self, kind: str) -> None:
        """Damage a file, and see that only the rows of that file can be gone."""
        before = self.study.world.finished(self.out)
        path = self.damage.damage(self.out, kind, self.rng)
        if path is None:
            return
        if kind == "cut image":
            self.cut_images.add(path)
        if kind == "cut manifest":
            self.cut_manifests.add(path)
        lost = before - self.study.world.finished(self.out)
        assert not lost or "rows" in kind
        assert all(key.startswith(path.parent.name) for key, _ in lost)
        self.holds(before - lost)

    def ends_well(self) -> None:
        """The last session: only what is missing is done, and all is as if nothing had happened."""
        self.study.world.calm()
        finished = self.study.world.finished(self.out)
        outcome = self.study.world.run(self.out, SerialExecutor())
        assert outcome.errors == 0
        assert outcome.computed == len(self.study.world.trials() - finished)
        assert outcome.reused == len(finished)
        assert self.fingerprint() == self.study.expected
        lines = self.world.ok_lines(self.out)
        assert len(lines) == len(self.study.expected)
        assert set(lines.values()) == {1}
        if not self.cut_images:
            result = audit([self.out], REGISTRY)
            assert result.exit_code == 0, [c.line() for cell in result.cells for c in cell.contradictions]
            assert all({"digest", "summary", "images"} <= set(cell.checked) for cell in result.cells)
        for summary in outcome.suites[0].cells:
            assert (summary.errors, summary.failed) == (0, ())


@pytest.fixture(scope="module")
def modules(
    chaos_world: ModuleType, disk_faults: ModuleType, damage: ModuleType
) -> tuple[ModuleType, ModuleType, ModuleType]:
    return chaos_world, disk_faults, damage


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_rerun_after_chaos_equals_an_undisturbed_run(
    study: Study, modules: tuple[ModuleType, ...], tmp_path: Path, seed: int
) -> None:
    chaos = Round(study, tmp_path / "out", seed, modules)
    for _ in range(chaos.rng.choice((1, 2, 3))):
        # every kind has its turn, whatever the seeds are
        chaos.session(modules[1].KINDS[(seed + chaos.rng.randrange(2)) % len(modules[1].KINDS)])
        if chaos.rng.random() < 0.6:
            chaos.hurt(chaos.rng.choice(list(modules[2].PATTERNS)))
    chaos.ends_well()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, where this machine lets us mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root; the injected full disk is in the other rounds")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("seed", range(TMPFS_ROUNDS))
def test_a_disk_that_is_really_full(
    study: Study, modules: tuple[ModuleType, ...], tiny_disk: Path, seed: int
) -> None:
    chaos = Round(study, tiny_disk / "out", seed, modules)
    study.world.calm()
    # what it takes in the end, in blocks: there is always less
    needed = sum(-(-p.stat().st_size // BLOCK) for p in study.calm.rglob("*") if p.is_file())
    for blocks in sorted(chaos.rng.sample(range(4, needed - 2), 2)):
        resize(tiny_disk, blocks * BLOCK)
        watcher = modules[0].Silent()
        before = study.world.finished(chaos.out)
        with pytest.raises(UserError) as stopped:
            study.world.run(chaos.out, SerialExecutor(), watcher)
        chaos.one_clear_line(str(stopped.value), full=True)
        chaos.holds(before | {(key, row.key) for key, row in watcher.said if row.ok})
    resize(tiny_disk, 4 << 20)
    chaos.ends_well()


def resize(place: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)
