"""Twice the rows cost twice the work: counted in calls, not in seconds (tests/benchmarks/study.py times)."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sized
from pathlib import Path
from typing import Any

import pytest
import study

from refbench.cli.display import PlainProgress
from refbench.execution.runner import carry_out
from refbench.plan.planner import Planner
from refbench.reports.report import build_report
from refbench.reports.write import write_text_formats
from refbench.results.cells import load_cells
from refbench.results.merging import merge
from refbench.settings import MethodChoice, RunConfig, Shard
from refbench.specs import DataRequest


def calls(work: Callable[[], Any]) -> int:
    """Calls of Python and C functions that ``work`` makes on this thread."""
    count = 0

    def count_call(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def pipeline(images: int, out: Path) -> dict[str, int]:
    """Calls by step of a study of ``images`` images."""
    known = study.registry(2)

    def configs(folder: Path, shard: Shard | None = None) -> list[RunConfig]:
        return [
            RunConfig(
                method=MethodChoice(name, locator=name),
                suite=study.suite("images"),
                dataset="simulated",
                data=DataRequest(options={"count": str(images)}),
                out=folder,
                metrics=study.METRICS,
                tracking="none",
                images="none",
                shard=shard,
            )
            for name in ("bicubic", "fake1")
        ]

    def run(folder: Path, shard: Shard | None = None) -> None:
        given = configs(folder, shard)
        plan = Planner(known).plan(given)
        carry_out(plan, given[0], study.FakeExecutor(), PlainProgress(io.StringIO()))

    def report() -> None:
        write_text_formats(build_report(load_cells([out / "whole"])), study.FORMATS, out / "report")

    parts = [out / "1", out / "2"]
    for i, part in enumerate(parts, start=1):
        run(part, Shard(i, 2))
    return {
        "run": calls(lambda: run(out / "whole")),
        "resume": calls(lambda: run(out / "whole")),
        "report": calls(report),
        "merge": calls(lambda: merge(parts, out / "joined")),
    }


def test_calls_grow_in_proportion_to_the_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("refbench.plan.planner.code_digest", lambda spec: "c" * 64)
    # equal steps, all on one side of the 30 images from which intervals are bootstrapped
    sizes = (40, 80, 120)
    pipeline(sizes[0], tmp_path / "warm")
    found = [pipeline(size, tmp_path / str(size)) for size in sizes]
    for step in found[0]:
        small, middle, large = (counts[step] for counts in found)
        first, second = middle - small, large - middle
        assert first > sizes[0], step
        # a quadratic part of one call a pair of rows would make the second step a third larger at least
        assert second <= 1.1 * first, f"{step}: {first} more calls, then {second}"


def test_a_progress_display_keeps_nothing_that_grows() -> None:
    from refbench.cli.display import _Cell
    from refbench.metrics.specs import METRICS
    from refbench.store import SampleRow

    # whatever the card's first metric is: with a fixed one the display was empty under other cards
    spec = next(spec for spec in METRICS if spec.alias == "psnr_y_c0")
    cell = _Cell("method", "protocol", 3, spec)
    for i in range(3):
        cell.add(SampleRow(f"{i}", metrics={spec.signature: 20.0 + i}))
    assert cell.running == f"{spec.title} 21.00 dB"
    assert [value for value in vars(cell).values() if isinstance(value, Sized)] == ["method", "protocol"]
