"""Cells: what is measured, and how failures and deaths become rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from refbench.profiling.cells import Conditions, MatcherCell, MethodCell, Order
from refbench.profiling.child import carry_out
from refbench.profiling.process import measure
from refbench.profiling.timing import measure_times
from refbench.stages import stage

TOY = f"{Path(__file__).with_name('toy_method.py')}:SPEC"
QUICK = Conditions(threads=None, repeats=2, warmup=0, probe_seconds=0.01)


def cell(locator: str = TOY, weights: str | None = None, **values: Any) -> MethodCell:
    shape: dict[str, Any] = {"size": (32, 48), "ref_size": (32, 48), "k": None, **values}
    params = shape.pop("params", {})
    return MethodCell(locator, weights, None, params, **shape)


def test_an_order_survives_json() -> None:
    ordered = cell(k=2, params={"fail": ""}, trace="t.json")
    order = Order.of(QUICK, ordered)
    again = Order.from_json(json.loads(json.dumps(asdict(order))))
    assert again.method_cell() == ordered
    assert again.conditions == QUICK
    matched = MatcherCell("pca", (8, 9, 16), 2)
    assert Order.from_json(json.loads(json.dumps(asdict(Order.of(QUICK, matched))))).matcher_cell() == matched


def test_stages_of_a_method_in_a_file() -> None:
    found = carry_out(Order.of(QUICK, cell(k=3)))
    assert (found["status"], found["method"], found["weights"]) == ("ok", "toy", None)
    stages = found["stages"]
    assert list(stages) == ["extract", "match", "restore", "other", "total"]
    pixels = 8 * 12
    assert stages["extract"]["flops"] == 2 * (4 * pixels) * 27
    assert stages["match"]["flops"] == 3 * (2 * 4 * pixels**2)
    assert stages["total"]["flops"] == stages["extract"]["flops"] + stages["match"]["flops"]
    # LR and kernel in, features out
    assert stages["extract"]["least_bytes"] == 4 * (3 * pixels + 4 * 27 + 4 * pixels)
    for measured in stages.values():
        wall = measured["wall_s"]
        assert wall["n"] == 2
        assert wall["min"] <= wall["median"] <= wall["max"]
    assert stages["total"]["wall_s"]["max"] >= stages["match"]["wall_s"]["min"]


def test_a_call_that_opens_no_stage_is_all_other() -> None:
    timings = measure_times([lambda: None] * 3, torch.device("cpu"))
    assert list(timings) == ["other", "total"]
    assert timings["total"].wall.n == 3


def test_nested_stages_leave_nothing_over() -> None:
    def call() -> None:
        with stage("match"), stage("inner"):
            sum(range(20_000))

    timings = measure_times([call], torch.device("cpu"))
    total = timings["total"].wall.median
    assert timings["other"].wall.median == pytest.approx(total - timings["match"].wall.median, abs=1e-5)


@pytest.mark.parametrize("method", ["c2_matching", "datsr", "ttsr"])
def test_hosted_nets_with_random_weights(method: str) -> None:
    found = carry_out(Order.of(QUICK, cell(method, "random:compact")))
    assert found["error"] == ""
    assert found["weights"]["random"] is True
    assert found["weights"]["label"] == "random weights, compact size"
    stages = found["stages"]
    assert {"extract", "match", "transfer", "restore", "other", "total"} == set(stages)
    for name in ("extract", "match", "restore"):
        assert stages[name]["flops"] > 0
        assert 0 < stages[name]["least_bytes"] < stages[name]["operator_bytes"]


@pytest.mark.parametrize(
    ("fail", "status", "error"),
    [
        ("memory", "memory", "MemoryError: no room for the correlation"),
        ("raise", "error", "RuntimeError: no luck"),
        ("shape", "error", f"{TOY}: SR has shape (3, 8, 12), expected (3, 32, 48)"),
    ],
)
def test_an_exception_is_a_row(fail: str, status: str, error: str) -> None:
    assert carry_out(Order.of(QUICK, cell(params={"fail": fail}))) == {"status": status, "error": error}


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried ...",
    ],
)
def test_allocators_words_are_understood(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr("refbench.profiling.methods.profile_method", exhausted)
    assert carry_out(Order.of(QUICK, cell()))["status"] == "memory"


def test_a_killed_process_is_a_row() -> None:
    found = measure(Order.of(QUICK, cell(params={"fail": "kill"})))
    assert found == {
        "status": "memory",
        "error": "the process was killed (SIGKILL), as when memory runs out",
    }


def test_a_crash_quotes_its_last_words() -> None:
    found = measure(Order.of(QUICK, cell(params={"fail": "abort"})))
    assert found["status"] == "died"
    assert found["error"].startswith("the process was killed by SIGABRT")


def test_a_hanging_cell_is_stopped() -> None:
    found = measure(Order.of(QUICK, cell(params={"fail": "hang"})), timeout=0.2)
    assert found == {"status": "timeout", "error": "took longer than 0.2 s and was stopped"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cell_on_cuda() -> None:
    found = carry_out(Order.of(Conditions(device="cuda:0", repeats=2), cell("datsr", "random:compact")))
    assert found["error"] == ""
    assert found["stages"]["match"]["peak_mb"] > 0
