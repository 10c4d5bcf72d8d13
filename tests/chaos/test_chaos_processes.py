"""Seeded chaos with real processes: runs and pool workers are killed at any moment, then run again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from refbench.auditing.audit import audit
from refbench.execution.serial import SerialExecutor
from refbench.registry import Registry
from refbench.store import load_run

pytestmark = pytest.mark.slow

ROUNDS = max(12, int(os.environ.get("REFBENCH_CHAOS_ROUNDS", "45")) // 4)
REGISTRY = Registry.discover()
PAUSE = 0.01
"""Seconds that each trial takes at least, so that a kill may find one in work."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, chaos_world: ModuleType) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp("killed")
    world = chaos_world.make_world(folder, PAUSE)
    world.run(folder / "calm", SerialExecutor())
    return world, chaos_world.fingerprint(folder / "calm", world.plan)


class Scene:
    """One results folder, and the runs on it."""

    def __init__(self, tmp_path: Path, zygote: Any, study: tuple[Any, Any], modules: Any) -> None:
        self.world, self.expected = study
        self.out, self._tmp, self._zygote = tmp_path / "out", tmp_path, zygote
        self._chaos, self._processes = modules

    def start(self, executor: str, retries: int = 2, timeout: float | None = None) -> Any:
        return self._processes.Run(
            self._zygote, self._tmp / "runs", study=str(self.world.folder), pause=PAUSE, out=str(self.out),
            executor=executor, retries=retries, timeout=timeout,
        )  # fmt: skip

    def until(self, true: Any, what: str) -> None:
        self._processes.until(true, what)

    def alive(self, pid: int) -> bool:
        return bool(self._processes.alive(pid))

    def mood(self, place: str, name: str, what: str, count: int) -> None:
        (self.world.moods / f"{place}.{name}").write_text(f"{what} {count}")

    def holds(self, run: Any, before: Any) -> None:
        """What was finished or said to be on disk is there, and all that is there is right."""
        there = self._chaos.fingerprint(self.out, self.world.plan)
        said = {(key, (name, draw)) for key, name, draw, status in run.said() if status == "ok"}
        assert before | said <= there.keys()
        assert all(self.expected[key] == row for key, row in there.items())

    def rows(self) -> Any:
        """(sample id, draw, protocol) -> row, of all trials."""
        found = {}
        for cell in self.world.plan.cells():
            for row in load_run(self.out / cell.key[:20]).rows:
                found[row.sample_id, row.draw, cell.protocol.id] = row
        return found

    def ends_well(self, executor: str) -> None:
        self.world.calm()
        before = self.world.finished(self.out)
        run = self.start(executor)
        assert run.wait() == 0, run.text()
        # only what was missing was done, each trial once
        done = [(key, (name, draw)) for key, name, draw, status in run.said() if status == "ok"]
        assert len(done) == len(run.said())
        assert sorted(done) == sorted(self.world.trials() - before)
        assert self._chaos.fingerprint(self.out, self.world.plan) == self.expected
        assert set(self._chaos.ok_lines(self.out).values()) == {1}
        result = audit([self.out], REGISTRY)
        assert result.exit_code == 0, [c.line() for cell in result.cells for c in cell.contradictions]
        assert all({"digest", "summary", "images"} <= set(cell.checked) for cell in result.cells)


@pytest.fixture
def scene(
    tmp_path: Path, zygote: Any, study: tuple[Any, Any], chaos_world: ModuleType, processes: ModuleType
) -> Scene:
    made = Scene(tmp_path, zygote, study, (chaos_world, processes))
    made.world.calm()
    return made


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_rerun_after_kills_equals_an_undisturbed_run(scene: Scene, seed: int) -> None:
    rng = Random(seed)
    for session in range(rng.choice((1, 2, 3))):
        scene.world.calm()
        executor = ("serial", "local")[(seed + session) % 2]
        if rng.random() < 0.4:
            scene.mood("method", rng.choice("abcd"), rng.choice(("kill", "raise")), rng.choice((1, 2, 9)))
        before = scene.world.finished(scene.out)
        run = scene.start(executor, retries=rng.choice((0, 1)))
        wanted, victim = rng.randrange(12), rng.choice(("run", "run", "worker", "interrupt"))
        scene.until(lambda r=run, n=wanted: len(r.said()) >= n or not r.running(), "rows")
        time.sleep(rng.random() * 0.04)
        workers = run.children()
        if victim == "worker" and workers:
            kill(rng.choice(workers))
        elif victim == "interrupt":
            run.kill(signal.SIGINT)
        elif victim == "run":
            run.kill(signal.SIGKILL)
        assert run.wait() in (0, 130, -signal.SIGKILL), run.text()
        scene.until(lambda w=workers: not any(map(scene.alive, w)), "the workers to follow their run")
        scene.holds(run, before)
    scene.ends_well(rng.choice(("serial", "local")))


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_a_trial_that_kills_or_hangs_each_worker_becomes_an_error_row(scene: Scene) -> None:
    scene.mood("method", "b", "kill", 99)
    scene.mood("method", "c", "hang", 99)
    run = scene.start("local", retries=1, timeout=2)
    assert run.wait() == 0, run.text()
    rows = scene.rows()
    assert len(rows) == 12
    for (name, _, _), row in rows.items():
        if name in "bc":
            kind = {"b": "killed", "c": "timeout"}[name]
            assert (row.status, row.error_kind, row.attempts) == ("error", kind, 2)
        else:
            assert row.ok, row.error
    assert rows["b", 0, "canonical@1"].error == "the worker process died (signal 9)"
    assert rows["c", 0, "canonical@1"].error == "no result within 2 s"
    scene.ends_well("local")


@pytest.mark.parametrize("executor", ["serial", "local"])
def test_an_exception_in_one_image_is_tried_again_and_then_recorded(scene: Scene, executor: str) -> None:
    scene.mood("method", "a", "raise", 99)
    scene.mood("dataset", "b", "memory", 99)
    scene.mood("method", "d", "exit", 1)
    run = scene.start(executor, retries=1)
    assert run.wait() == 0, run.text()
    for (name, _, _), row in scene.rows().items():
        if name in "ab":
            assert (row.status, row.attempts) == ("error", 2)
            kind, text = {
                "a": ("method", "RuntimeError: method failed for a"),
                "b": ("memory", "MemoryError: dataset: out of memory"),
            }[name]
            assert row.error_kind == kind
            assert row.error.partition(" (chaos_world.py:")[0] == text
        else:
            assert row.status == "ok"
    tries = [row.attempts for (name, _, _), row in scene.rows().items() if name == "d"]
    # two workers may meet the fault at the same moment
    assert sum(tries) in ((4,) if executor == "serial" else (4, 5))
    scene.ends_well(executor)


def test_a_hung_worker_does_not_outlive_a_killed_run(scene: Scene) -> None:
    for name in "abcd":
        scene.mood("method", name, "hang", 99)
    run = scene.start("local")
    scene.until(lambda: len(list(scene.world.moods.glob("*"))) == 4 and len(run.children()) == 2, "workers")
    scene.until(lambda: any("98" in p.read_text() for p in scene.world.moods.iterdir()), "a hang")
    workers = run.children()
    run.kill(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    scene.until(lambda: not any(map(scene.alive, workers)), "the workers to end")
    scene.ends_well("local")
