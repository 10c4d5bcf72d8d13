"""``memory.limit`` and lost memory in a worker: tiles, the second attempt, and what rows say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from refbench.errors import SampleError
from refbench.execution.worker import Worker
from refbench.matching import match
from refbench.metrics import METRICS, MetricCatalog
from refbench.plan.job import CellJob, DataJob, MethodJob, Task
from refbench.protocols import build_instances
from refbench.settings import ProtocolEntry, SuiteConfig
from refbench.specs import DataRequest, MethodSpec
from refbench.store.row import SampleRow
from refbench.tiling import Pass, plan_passes, tiled
from refbench.tiling.passes import MIB
from refbench.types import Input, Sample

MODULE = "toy_plugin_for_memory"
PSNR_Y = MetricCatalog(METRICS).of_names(["psnr_y"])
NEED = 8000.0
"""Bytes per LR pixel of the toy."""


class Data:
    """One image."""

    name, label, fingerprint = "toy", "toy", "f" * 64

    def __init__(self, request: DataRequest) -> None:
        del request

    def ids(self) -> tuple[str, ...]:
        return ("a",)

    def load(self, sample_id: str) -> Sample:
        image = np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)
        return Sample(sample_id, image, (image[:64, :64],), ("r.png",))


class Toy:
    """Nearest upscaling in windows; ``lose`` says how many calls run out of memory first."""

    limits: list[int | None] = []  # noqa: RUF012  (reset by the fixture)

    def __init__(self, weights: object, device: object, lose: int = 0, error: str = "cuda") -> None:
        self._left, self._error = lose, error

    def __call__(self, inp: Input) -> Any:
        from refbench.tiling.budget import active

        budget = active()
        Toy.limits.append(None if budget is None else budget.limit)
        size = (inp.lr.shape[1], inp.lr.shape[2])
        plan_passes(lambda: [Pass("enlarge", size, NEED, 1.0 * MIB)])
        if self._left:
            self._left -= 1
            raise ERRORS[self._error]()
        match(inp.lr, inp.refs[0][:, :20, :20], approx="pca")
        return tiled(
            "enlarge",
            size,
            lambda window: [window.of(inp.lr).repeat_interleave(4, -1).repeat_interleave(4, -2)],
            (4,),
        )[0]


ERRORS: dict[str, Callable[[], Exception]] = {
    "cuda": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    "cpu": lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    "python": MemoryError,
    "other": lambda: RuntimeError("shapes do not fit"),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SampleRow]:
    module = ModuleType(MODULE)
    module.__dict__.update(Data=Data, Toy=Toy)
    monkeypatch.setitem(sys.modules, MODULE, module)
    monkeypatch.setattr(Toy, "limits", [])
    instance = build_instances(SuiteConfig("s", "toy", protocols=(ProtocolEntry(control=True),)), None)[0]
    spec = MethodSpec("toy", f"{MODULE}:Toy", max_refs=1, tiles=True)

    def one(limit: int | None = None, tiles: bool = True, **params: Any) -> SampleRow:
        job = MethodJob(
            replace(spec, tiles=tiles), "toy", None, None, tuple(params.items()), "cpu", memory_limit=limit
        )
        cell = CellJob("k" * 64, job, DataJob(f"{MODULE}:Data", DataRequest()), instance, 0, PSNR_Y, False)
        worker = Worker({cell.key: cell})
        return worker.finish(worker.restore(worker.prepare(Task(cell.key, "a", 0)))).row

    return one


def test_a_limit_reaches_the_method_and_the_row_says_how_it_was_kept(run: Callable[..., SampleRow]) -> None:
    free, tight = run(), run(limit=3 * MIB)
    assert (free.tiles, free.fallback, free.work.get("parameters")) == ({}, None, free.work.get("parameters"))
    assert tight.status == "ok"
    assert tight.tiles["enlarge"] > 1
    assert tight.metrics == free.metrics
    assert (tight.approx, tight.recall) == ("pca", free.recall)
    assert tight.recall is not None
    assert 0 < tight.recall <= 1
    assert SampleRow.from_json(tight.to_json()) == tight


def test_a_limit_too_small_is_one_line(run: Callable[..., SampleRow]) -> None:
    row = run(limit=1 * MIB)
    assert (row.status, row.error_kind) == ("error", "memory")
    assert row.error == (
        "memory.limit=1MB is too little for the pass 'enlarge' of this image; "
        "the least that works is memory.limit=3MB"
    )


@pytest.mark.parametrize("error", ["cuda", "cpu", "python"])
def test_lost_memory_falls_back_to_tiles_once(
    run: Callable[..., SampleRow], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refbench.execution.call.tiled_limit", lambda device, limit: 3 * MIB)
    row = run(lose=1, error=error)
    assert (row.status, row.fallback) == ("ok", "tiled")
    assert row.tiles["enlarge"] > 1
    assert Toy.limits == [None, 3 * MIB]
    assert row.metrics == run().metrics
    Toy.limits.clear()
    row = run(lose=2, error=error)
    assert (row.status, row.error_kind, row.fallback) == ("error", "memory", "tiled")
    assert Toy.limits == [None, 3 * MIB]


def test_only_lost_memory_and_only_methods_that_tile_are_tried_again(run: Callable[..., SampleRow]) -> None:
    row = run(lose=1, error="other")
    assert (row.status, row.error_kind, row.fallback) == ("error", "method", None)
    row = run(lose=1, tiles=False)
    assert (row.status, row.error_kind, row.fallback) == ("error", "memory", None)
    assert len(Toy.limits) == 2


def test_the_second_limit() -> None:
    from refbench.tiling.fallback import out_of_memory, tiled_limit

    device = torch.device("cpu")
    assert tiled_limit(device, 8 * MIB) == 4 * MIB
    assert tiled_limit(device, None) > 16 * MIB
    assert not out_of_memory(SampleError("out of memory"))


def test_tables_name_an_approximation() -> None:
    from refbench.plan.planner import Cell

    spec = MethodSpec("datsr", "x:Y")
    labels = []
    for weights, approx in (("compact", None), ("compact", "pca"), ("", "coarse")):
        job = MethodJob(spec, "datsr", None, None, (("approx", approx), ("k", 1)), "cpu")
        instance = build_instances(SuiteConfig("s", "toy", protocols=(ProtocolEntry(control=True),)), None)[0]
        cell = CellJob("k", job, DataJob("x:Y", DataRequest()), instance, 0, (), False)
        labels.append(Cell(cell, "datsr", weights, {}, "d", "d", "f", False, (), None).method_label)
    assert labels == ["datsr (compact)", "datsr (compact, approx=pca)", "datsr (approx=coarse)"]
