"""The runner over a small in-memory dataset: resume, errors, sharing of cells, and order."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from refbench.errors import SampleError, UserError
from refbench.execution.choose import make_executor
from refbench.execution.runner import RunOutcome, carry_out, finished_trials
from refbench.execution.serial import SerialExecutor
from refbench.execution.worker import Worker
from refbench.plan.job import CellJob, Task, TaskResult
from refbench.plan.planner import Planner
from refbench.registry import Entry, Registry
from refbench.settings import MethodChoice, ProtocolEntry, RunConfig, SuiteConfig
from refbench.specs import DataRequest, DatasetSpec, MethodSpec
from refbench.types import Input, Sample

JITTER = SuiteConfig(
    "toy_jitter",
    "toy",
    protocols=(ProtocolEntry(control=True), ProtocolEntry(transform="jitter", level="x1", draws=2)),
)


class ToyDataset:
    """Five random images; ``bad`` ids cannot be read."""

    name = "toy"
    label = "toy set"
    fingerprint = "f" * 64

    def __init__(self, request: DataRequest) -> None:
        self._bad = set(request.options.get("bad", "").split(","))

    def ids(self) -> tuple[str, ...]:
        return ("a", "b", "c", "d", "e")

    def load(self, sample_id: str) -> Sample:
        if sample_id in self._bad:
            raise SampleError(f"{sample_id}.png: truncated")
        rng = np.random.default_rng(ord(sample_id))
        hr = rng.integers(0, 256, (33, 42, 3), dtype=np.uint8)
        return Sample(sample_id, hr, (rng.integers(0, 256, (30, 38, 3), dtype=np.uint8),), ("r.png",))


class OwnError(Exception):
    """An exception that only the method knows."""


class ToyMethod:
    """Nearest upscaling, tinted by the reference's mean; fails for sample ``fails``."""

    calls: list[str] = []  # noqa: RUF012  (reset by the fixture)

    def __init__(self, weights: object, device: object, fails: str = "") -> None:
        self._fails = fails

    def __call__(self, inp: Input) -> Any:
        ToyMethod.calls.append(inp.sample_id)
        if inp.sample_id == self._fails:
            raise OwnError("shapes do not\nfit")
        up = inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
        return 0.9 * up + 0.1 * inp.refs[0].mean() if inp.refs else up


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    from refbench.specs import Param

    module = ModuleType("toy_plugin_for_runner")
    module.__dict__.update(ToyDataset=ToyDataset, ToyMethod=ToyMethod)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("refbench.plan.planner.code_digest", lambda spec: "c" * 64)
    monkeypatch.setattr(ToyMethod, "calls", [])
    method = MethodSpec(
        "toy", f"{module.__name__}:ToyMethod", params={"fails": Param("", "")}, reads_files=True
    )
    plain = MethodSpec("bicubic", f"{module.__name__}:ToyMethod", uses_reference=False)
    data = DatasetSpec("toy", f"{module.__name__}:ToyDataset")
    return Registry(
        {
            "methods": [Entry("toy", method, "test"), Entry("bicubic", plain, "test")],
            "datasets": [Entry("toy", data, "test")],
            "metrics": Registry.discover().entries("metrics"),
        }
    )


class Watcher:
    """Collects what a progress display would be told."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.rows: list[tuple[str, str, int]] = []
        self.todo = 0
        self._stop_after = stop_after

    def start(self, cells: Sequence[Any], todo: Mapping[str, int], done: Mapping[str, int]) -> None:
        self.todo = sum(todo.values())

    def result(self, cell: Any, row: Any) -> None:
        self.rows.append((cell.key, row.sample_id, row.draw))
        if self._stop_after is not None and len(self.rows) == self._stop_after:
            raise KeyboardInterrupt

    def stop(self) -> None:
        pass


def settings(out: Path, **changes: Any) -> RunConfig:
    values: dict[str, Any] = {
        "method": MethodChoice("toy", locator="toy"),
        "suite": JITTER,
        "dataset": "toy",
        "out": out,
        "metrics": ("psnr_y", "ssim_y"),
        "tracking": "none",
    }
    return RunConfig(**(values | changes))


def execute(
    registry: Registry, config: RunConfig, watcher: Watcher | None = None, executor: Any = None
) -> RunOutcome:
    plan = Planner(registry).plan([config])
    return carry_out(plan, config, executor or SerialExecutor(), watcher or Watcher())


def numbers(outcome: RunOutcome) -> dict[Any, Any]:
    return {
        (s.method, s.protocol): (s.n, s.trials, s.errors, s.metrics, s.values)
        for suite in outcome.suites
        for s in suite.cells
    }


def test_a_run_and_its_resume(registry: Registry, tmp_path: Path) -> None:
    config = settings(tmp_path)
    first = execute(registry, config)
    assert first.computed == 2 * 5 * 3
    assert [s.method for s in first.suites[0].cells] == ["bicubic", "bicubic", "toy", "toy"]
    assert [s.baseline for s in first.suites[0].cells] == [True, True, False, False]
    ToyMethod.calls.clear()
    again = execute(registry, config)
    assert (again.computed, again.reused) == (0, 30)
    assert ToyMethod.calls == []
    assert numbers(again) == numbers(first)


def test_interrupted_run_equals_an_uninterrupted_one(registry: Registry, tmp_path: Path) -> None:
    whole = execute(registry, settings(tmp_path / "whole"))
    config = settings(tmp_path / "cut")
    watcher = Watcher(stop_after=7)
    with pytest.raises(KeyboardInterrupt):
        execute(registry, config, watcher)
    kept = sum(len(v) for v in finished_trials(Planner(registry).plan([config]), config.out).values())
    assert kept >= 7
    rest = Watcher()
    finished = execute(registry, config, rest)
    assert finished.computed == 30 - kept
    assert numbers(finished) == numbers(whole)
    folder = next(iter(finished.folders.values()))
    lines = [json.loads(x) for x in (folder / "samples.jsonl").read_text().splitlines()]
    keys = [(x["sample_id"], x["draw"]) for x in lines]
    assert len(keys) == len(set(keys))


def test_bad_image_and_failing_method_are_rows(registry: Registry, tmp_path: Path) -> None:
    config = settings(
        tmp_path,
        data=DataRequest(options={"bad": "c"}),
        method=MethodChoice("toy", locator="toy", params={"fails": "b"}),
        against=None,
    )
    outcome = execute(registry, config)
    control, level = outcome.suites[0].cells
    assert (control.n, control.trials, control.errors, control.failed) == (3, 5, 2, ("b", "c"))
    assert (level.trials, level.errors) == (10, 4)
    assert outcome.errors == 6
    rows = {}
    for line in (outcome.folders[control.run_key] / "samples.jsonl").read_text().splitlines():
        rows[json.loads(line)["sample_id"]] = json.loads(line)
    assert rows["c"]["error"] == "c.png: truncated"
    assert rows["c"]["error_kind"] == "decode"
    assert re.fullmatch(r"OwnError: shapes do not fit \(test_runner\.py:\d+\)", rows["b"]["error"])
    assert rows["b"]["error_kind"] == "method"
    again = execute(registry, config)
    assert again.computed == 6, "error rows are retried"


def test_limit_does_not_leave_a_stale_summary(registry: Registry, tmp_path: Path) -> None:
    full = execute(registry, settings(tmp_path))
    few = execute(registry, settings(tmp_path, limit=2))
    assert few.computed == 0
    assert {s.n for s in few.suites[0].cells} == {2}
    key = few.suites[0].cells[0].run_key
    assert json.loads((few.folders[key] / "summary.json").read_text())["n"] == 2
    assert numbers(execute(registry, settings(tmp_path))) == numbers(full)


class Backwards:
    """Carries tasks out in reverse order."""

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: Any) -> None:
        worker = Worker(cells)
        for task in reversed(tasks):
            result: TaskResult = worker.finish(worker.restore(worker.prepare(task)))
            on_result(result)


def test_order_does_not_matter(registry: Registry, tmp_path: Path) -> None:
    forward = execute(registry, settings(tmp_path / "f"))
    backward = execute(registry, settings(tmp_path / "b"), executor=Backwards())
    assert numbers(forward) == numbers(backward)


def test_suites_share_cells(registry: Registry, tmp_path: Path) -> None:
    plain = SuiteConfig("toy", "toy", protocols=(ProtocolEntry(control=True),))
    configs = [settings(tmp_path), settings(tmp_path, suite=plain)]
    plan = Planner(registry).plan(configs)
    assert len(plan.suites) == 2
    assert len(plan.cells()) == 4
    outcome = carry_out(plan, configs[0], SerialExecutor(), Watcher())
    assert outcome.computed == 30


def test_more_draws_keep_the_rows_that_are_there(registry: Registry, tmp_path: Path) -> None:
    execute(registry, settings(tmp_path))
    more = execute(registry, settings(tmp_path, draws=3))
    assert more.computed == 2 * 5
    assert {s.trials for s in more.suites[0].cells} == {5, 15}


def test_a_later_metric_is_scored_from_kept_images(registry: Registry, tmp_path: Path) -> None:
    first = execute(registry, settings(tmp_path, metrics=("psnr_y",)))
    ToyMethod.calls.clear()
    more = execute(registry, settings(tmp_path, metrics=("psnr_y", "ssim_rgb")))
    assert (more.computed, ToyMethod.calls) == (0, [])
    fresh = execute(registry, settings(tmp_path / "fresh", metrics=("psnr_y", "ssim_rgb")))
    assert numbers(more) == numbers(fresh)
    assert first.computed == fresh.computed


def test_a_later_metric_without_images_runs_again(registry: Registry, tmp_path: Path) -> None:
    execute(registry, settings(tmp_path, metrics=("psnr_y",), images="none"))
    more = execute(registry, settings(tmp_path, metrics=("psnr_y", "ssim_rgb"), images="none"))
    assert more.computed == 30
    assert more.suites[0].cells[0].metrics["ssim_rgb"].mean is not None


def test_each_manifest_records_its_own_suite(registry: Registry, tmp_path: Path) -> None:
    other = SuiteConfig(
        "toy_level", "toy", protocols=(ProtocolEntry(transform="jitter", level="x2", draws=1),)
    )
    configs = [settings(tmp_path), settings(tmp_path, suite=other)]
    outcome = carry_out(Planner(registry).plan(configs), configs[0], SerialExecutor(), Watcher())
    for suite in outcome.suites:
        for summary in suite.cells:
            manifest = json.loads((outcome.folders[summary.run_key] / "manifest.json").read_text())
            assert manifest["config"]["suite"]["name"] == suite.name
            assert manifest["config"]["method"]["name"] == summary.method


def test_unknown_executor(registry: Registry) -> None:
    with pytest.raises(UserError, match="no executor 'seriel'; did you mean 'serial'"):
        make_executor("seriel", {})


def test_methods_that_cannot_keep_a_memory_limit_are_known_beforehand(
    registry: Registry, tmp_path: Path
) -> None:
    def plan_of(limit: str | None) -> Any:
        return Planner(registry).plan([settings(tmp_path, memory_limit=limit)])

    assert plan_of(None).unbounded() == ()
    bounded = plan_of("2GB")
    assert sorted(bounded.unbounded()) == ["bicubic", "toy"]
    assert {cell.job.method.memory_limit for cell in bounded.cells()} == {2 << 30}
    assert {cell.key for cell in bounded.cells()} == {cell.key for cell in plan_of(None).cells()}


def test_operations_are_counted_where_one_more_call_does_not_matter(
    registry: Registry, tmp_path: Path
) -> None:
    plan = Planner(registry).plan([settings(tmp_path, against=None)])
    control, jittered = plan.cells()
    assert [t.count for t in plan.tasks({}) if t.cell == control.key] == ["parameters", *[""] * 4]
    assert [t.count for t in plan.tasks({}) if t.cell == jittered.key] == ["flops", *[""] * 9]
    assert [t.count for t in plan.tasks({jittered.key: {("a", 0)}})][5] == "parameters"
