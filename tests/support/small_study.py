"""A toy study for tests of shards, merging and order: small random images of unequal size, a cheap method."""

from __future__ import annotations

import dataclasses
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from refbench.execution.executor import OnResult
from refbench.execution.runner import RunOutcome, carry_out
from refbench.execution.serial import SerialExecutor
from refbench.execution.worker import Worker
from refbench.plan.job import CellJob, Task
from refbench.plan.planner import Plan, Planner
from refbench.registry import Entry, Registry
from refbench.settings import MethodChoice, ProtocolEntry, RunConfig, Shard, SuiteConfig
from refbench.specs import DataRequest, DatasetSpec, MethodSpec
from refbench.types import Input, Sample

MODULE = "small_study_plugin"
IDS = ("a", "b", "c", "d", "e", "f", "g")
SUITE = SuiteConfig(
    "small",
    "small",
    protocols=(ProtocolEntry(control=True), ProtocolEntry(transform="jitter", level="x1", draws=2)),
)
TIMES = ("seconds", "stages", "peak_mb", "attempts", "device")
"""Fields of a row that differ from run to run."""


class SmallDataset:
    """Seven random images; ``a`` is the largest."""

    name = "small"
    label = "small set"
    fingerprint = "e" * 64

    def __init__(self, request: DataRequest) -> None:
        pass

    def ids(self) -> tuple[str, ...]:
        return IDS

    def pixels(self, sample_id: str) -> int:
        return self._side(sample_id) ** 2

    def _side(self, sample_id: str) -> int:
        return 36 - 2 * IDS.index(sample_id)

    def load(self, sample_id: str) -> Sample:
        rng = np.random.default_rng(ord(sample_id))
        side = self._side(sample_id)
        hr = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        return Sample(sample_id, hr, (rng.integers(0, 256, (20, 24, 3), dtype=np.uint8),), ("r.png",))


class SmallMethod:
    """Nearest upscaling, tinted by the reference; remembers how often it was loaded."""

    loaded = 0

    def __init__(self, weights: object, device: object) -> None:
        SmallMethod.loaded += 1

    def __call__(self, inp: Input) -> Any:
        up = inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
        return 0.9 * up + 0.1 * inp.refs[0].mean() if inp.refs else up


class Silent:
    """A progress display that may interrupt after a number of rows."""

    def __init__(self, stop_after: int | None = None) -> None:
        self._left = stop_after

    def start(self, cells: Sequence[Any], todo: Mapping[str, int], done: Mapping[str, int]) -> None: ...

    def result(self, cell: Any, row: Any) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise KeyboardInterrupt

    def stop(self) -> None: ...


class Shuffled:
    """Carries tasks out one by one in an order of its own."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        worker = Worker(cells)
        for task in random.Random(self._seed).sample(list(tasks), len(tasks)):
            on_result(worker.finish(worker.restore(worker.prepare(task))))


def make_registry(monkeypatch: pytest.MonkeyPatch, code: str = "c") -> Registry:
    """The toy method, a bicubic and the dataset; ``code``: digit of their code digest."""
    module = ModuleType(MODULE)
    module.__dict__.update(SmallDataset=SmallDataset, SmallMethod=SmallMethod)
    monkeypatch.setitem(sys.modules, MODULE, module)
    monkeypatch.setattr("refbench.plan.planner.code_digest", lambda spec: code * 64)
    specs = [MethodSpec(name, f"{MODULE}:SmallMethod") for name in ("small", "bicubic")]
    data = DatasetSpec("small", f"{MODULE}:SmallDataset")
    methods = [Entry(spec.name, spec, "test") for spec in specs]
    metrics = Registry.discover().entries("metrics")
    return Registry({"methods": methods, "datasets": [Entry("small", data, "test")], "metrics": metrics})


def settings(out: Path, shard: str | None = None, **changes: Any) -> RunConfig:
    """Settings of the study, or of one of its shards."""
    values: dict[str, Any] = {
        "method": MethodChoice("small", locator="small"),
        "suite": SUITE,
        "dataset": "small",
        "out": out,
        "metrics": ("psnr_y",),
        "tracking": "none",
        "images": "none",
        "shard": Shard.parse(shard) if shard else None,
    }
    return RunConfig(**(values | changes))


def make_plan(registry: Registry, config: RunConfig) -> Plan:
    """The plan of one configuration."""
    return Planner(registry).plan([config])


def execute(
    registry: Registry, config: RunConfig, executor: Any = None, stop_after: int | None = None
) -> RunOutcome:
    """Plan and carry out."""
    plan = make_plan(registry, config)
    return carry_out(plan, config, executor or SerialExecutor(), Silent(stop_after))


def facts(row: Any) -> dict[str, Any]:
    """A row without what differs from run to run."""
    return {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name not in TIMES}


def stored_rows(out: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """(folder, sample, draw) -> facts of every row in a results folder."""
    from refbench.store import find_runs, load_run

    return {(f.name, r.sample_id, r.draw): facts(r) for f in find_runs(out) for r in load_run(f).rows}
