"""``refbench run`` when the world around it fails: what it says, how it ends, and what a rerun does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from refbench.cli.amounts import count
from refbench.cli.interrupt import FIRST, SECOND
from refbench.cli.main import INTERRUPTED, main
from refbench.store import find_runs, load_run

pytestmark = pytest.mark.slow

IDS = ("000", "001", "002", "003", "004", "005")
PLUGIN = """
import time
from pathlib import Path
from refbench.specs import MethodSpec, Param

SPEC = MethodSpec("slow", ":Slow", uses_reference=False, reads_files=True,
                  params={"dir": Param("", ""), "pause": Param(0.0, "")})

class Slow:
    def __init__(self, weights, device, dir="", pause=0.0):
        self.dir, self.pause = Path(dir), pause

    def __call__(self, inp):
        mood = self.dir / inp.sample_id
        if mood.is_file() and mood.read_text() == "raise":
            raise RuntimeError("no luck with " + inp.sample_id)
        while mood.is_file():
            # not even Ctrl-C gets it out of here
            try:
                (self.dir / "hangs").touch()
                time.sleep(60)
            except KeyboardInterrupt:
                pass
        time.sleep(self.pause)
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""


class Place:
    """Images, a method and a results folder, and runs as real processes."""

    def __init__(self, folder: Path, zygote: Any, modules: tuple[ModuleType, ModuleType]) -> None:
        self.folder, self.out = folder, folder / "results"
        self.data, self.moods = folder / "data", folder / "moods"
        self.moods.mkdir()
        self._zygote = zygote
        self._processes, world = modules
        self.expected: dict[str, Any] = {}
        (folder / "slow.py").write_text(PLUGIN)
        world.make_pairs(self.data, IDS)

    def words(self, *more: str, pause: float = 0.05) -> list[str]:
        return [
            "run", f"method={self.folder}/slow.py:SPEC", f"method.dir={self.moods}", f"method.pause={pause}",
            "suite=pairs", f"data.root={self.data}", f"out={self.out}", "against=none",
            "tracking=none", "device=cpu", "threads=1", "--plain", *more,
        ]  # fmt: skip

    def start(self, *more: str, pause: float = 0.05) -> Any:
        return self._processes.Run(self._zygote, self.folder / "runs", argv=self.words(*more, pause=pause))

    def until(self, true: Any, what: str) -> None:
        self._processes.until(true, what)

    def rows(self) -> dict[str, Any]:
        """Sample id -> row on disk; empty before there is a run."""
        if not list(self.out.glob("*/manifest.json")):
            return {}
        (folder,) = find_runs(self.out)
        return {row.sample_id: row for row in load_run(folder).rows}

    def ok(self) -> set[str]:
        return {name for name, row in self.rows().items() if row.ok}

    def until_rows(self, run: Any, count: int) -> None:
        self.until(lambda: len(self.rows()) >= count or not run.running(), "rows")
        assert run.running(), run.text()

    def ends_well(self, *, computed: int, pause: float = 0.05) -> None:
        """The same command again completes what is missing, and only that."""
        for path in self.moods.iterdir():
            path.unlink()
        run = self.start(pause=pause)
        assert run.wait() == 0, run.text()
        assert f"{count(computed, 'image')} computed, {len(IDS) - computed} reused, 0 errors" in run.text()
        assert self.ok() == set(IDS)
        assert {name: row.metrics for name, row in self.rows().items()} == self.expected


def errors_of(run: Any) -> list[str]:
    """The lines by which the command says that it failed."""
    assert "Traceback" not in run.text()
    return [line for line in run.text().splitlines() if line.startswith("refbench: ")]


Modules = tuple[ModuleType, ModuleType]


@pytest.fixture(scope="module")
def modules(processes: ModuleType, chaos_world: ModuleType) -> Modules:
    return processes, chaos_world


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, zygote: Any, modules: Modules) -> dict[str, Any]:
    """Sample id -> metrics of an undisturbed run."""
    calm = Place(tmp_path_factory.mktemp("calm"), zygote, modules)
    run = calm.start(pause=0.0)
    assert run.wait() == 0, run.text()
    return {name: row.metrics for name, row in calm.rows().items()}


@pytest.fixture
def place(tmp_path: Path, zygote: Any, modules: Modules, expected: dict[str, Any]) -> Place:
    made = Place(tmp_path, zygote, modules)
    made.expected = expected
    return made


def test_a_second_interrupt_ends_a_run_that_the_first_cannot_end(place: Place) -> None:
    (place.moods / "003").touch()
    run = place.start()
    place.until(lambda: (place.moods / "hangs").exists(), "the hang")
    # the row before the hang may still be on its way: results are handed over between two calls of the method
    place.until(lambda: len(place.ok()) >= 2, "two rows")
    run.kill(signal.SIGINT)
    place.until(lambda: FIRST in run.text(), "the first answer")
    assert run.running()
    run.kill(signal.SIGINT)
    assert run.wait() == 130
    assert SECOND in run.text().splitlines()
    assert errors_of(run) == []
    kept = place.ok()
    assert {"000", "001"} <= kept <= {"000", "001", "002"}
    place.ends_well(computed=len(IDS) - len(kept))


def test_one_interrupt_ends_a_run_in_order(place: Place) -> None:
    run = place.start(pause=0.2)
    place.until_rows(run, 2)
    run.kill(signal.SIGINT)
    assert run.wait() == 130
    assert FIRST in run.text().splitlines()
    assert errors_of(run) == [f"refbench: {INTERRUPTED}"]
    kept = len(place.ok())
    (folder,) = find_runs(place.out)
    (session,) = load_run(folder).manifest.sessions
    assert session["rows"] == kept
    place.ends_well(computed=len(IDS) - kept, pause=0.2)


def test_two_runs_into_one_results_folder(place: Place) -> None:
    runs = [place.start(), place.start()]
    for run in runs:
        assert run.wait() == 0, run.text()
        assert "0 errors" in run.text()
    (folder,) = find_runs(place.out)
    found = load_run(folder)
    assert found.problems == ()
    assert [row.sample_id for row in found.rows] == list(IDS)
    assert len(found.manifest.sessions) in (1, 2)
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["n"], summary["errors"]) == (6, 0)
    place.ends_well(computed=0)


def test_a_results_folder_that_vanishes_stops_the_run_with_one_line(place: Place) -> None:
    run = place.start(pause=0.2)
    place.until_rows(run, 2)
    kept = place.ok()
    os.rename(place.out, place.folder / "elsewhere")
    assert run.wait() == 2
    (line,) = errors_of(run)
    assert line.startswith(f"refbench: results folder {place.out}/")
    assert "run the same command again: finished rows are kept" in line or "the same command goes on" in line
    # nothing was written next to it, which would stand in the way of putting it back
    assert not list(place.out.rglob("*"))
    shutil.rmtree(place.out, ignore_errors=True)
    os.rename(place.folder / "elsewhere", place.out)
    there = place.ok()
    assert kept <= there
    place.ends_well(computed=len(IDS) - len(there), pause=0.2)


def test_a_dataset_that_vanishes_costs_only_the_images_it_took(place: Place) -> None:
    # slow enough that samples are still undecoded at the second row on a busy machine
    run = place.start(pause=1.0)
    place.until_rows(run, 2)
    os.rename(place.data, place.folder / "away")
    assert run.wait() == 1
    rows = place.rows()
    failed = {name: row for name, row in rows.items() if not row.ok}
    assert rows.keys() == set(IDS)
    assert failed
    for row in failed.values():
        assert (row.error_kind, row.attempts) == ("decode", 3)
        assert str(place.data) in row.error
    assert "failed images are tried again" in run.text() or "failed image is tried again" in run.text()
    assert f"6 images computed, 0 reused, {count(len(failed), 'error')}" in run.text()
    gone = place.start(pause=1.0)
    assert gone.wait() == 2
    (line,) = errors_of(gone)
    assert str(place.data) in line
    os.rename(place.folder / "away", place.data)
    place.ends_well(computed=len(failed), pause=1.0)


def test_failed_trials_are_listed_at_the_end_and_in_the_summary(place: Place) -> None:
    (place.moods / "001").write_text("raise")
    run = place.start("executor.retries=1", pause=0.0)
    assert run.wait() == 1
    text = " ".join(run.text().split())
    error = "RuntimeError: no luck with 001 (slow.py:16)"
    assert f"failed 001 draw 0 of slow · canonical@1: {error} (method, 2 tries)" in text
    assert "the same command tries them again" in text
    (folder,) = find_runs(place.out)
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["n"], summary["trials"], summary["errors"], summary["failed"]) == (5, 6, 1, ["001"])
    assert summary["failures"] == [
        {"sample_id": "001", "draw": 0, "error": error, "error_kind": "method",
         "attempts": 2}
    ]  # fmt: skip
    place.ends_well(computed=1, pause=0.0)


@pytest.fixture
def tiny_disk(place: Place) -> Iterator[Path]:
    """The results folder as a file system of its own."""
    place.out.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=28k", "tmpfs", str(place.out)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root; the injected full disk has a test of its own")
    yield place.out
    subprocess.run(["umount", str(place.out)], check=True)


def test_a_full_disk_is_one_line(place: Place, tiny_disk: Path) -> None:
    run = place.start(pause=0.0)
    assert run.wait() == 2
    kept = place.ok()
    assert 0 < len(kept) < len(IDS)
    (line,) = errors_of(run)
    assert line.startswith(f"refbench: results folder {tiny_disk}/")
    assert line.endswith(
        "disk full (No space left on device); what is written is kept: free space and run the same command "
        "again, or choose another disk with out=DIR"
    )
    subprocess.run(["mount", "-o", "remount,size=4m", str(tiny_disk)], check=True)
    place.ends_well(computed=len(IDS) - len(kept), pause=0.0)


@pytest.mark.parametrize("at", [0, 9, 40])
def test_a_full_disk_is_one_line_without_root(
    place: Place, disk_faults: ModuleType, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    with disk_faults.Disk(place.out, "full", at, Random(at)).fails() as disk:
        assert main(place.words(pause=0.0)) == 2
    assert disk.happened
    lines = capsys.readouterr().err.splitlines()
    (line,) = (text for text in lines if text.startswith("refbench: "))
    assert "disk full (No space left on device); what is written is kept: free space" in line
    assert not any("Traceback" in text for text in lines)
    place.ends_well(computed=len(IDS) - len(place.ok()), pause=0.0)
