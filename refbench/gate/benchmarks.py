"""Two pytest-benchmark JSON files, benchmark by benchmark: stored ratios, or medians with their spread.

A benchmark that times itself against something else in one process stores the ratio in ``extra_info``:
every number named ``ratio`` or ``a / b`` there is one. Higher is better (how much faster), except for the
names in the list ``extra_info["lower_is_better"]``. A ratio holds on any machine; seconds do not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.gate.tolerance import Limits
from refbench.gate.verdict import CellVerdict, GateResult, MetricVerdict, Verdict
from refbench.untrusted.files import read_named
from refbench.untrusted.schema import SchemaError, fitted

LOWER = "lower_is_better"


@dataclass(frozen=True)
class Times:
    """Seconds of one benchmark."""

    median: float
    q1: float
    q3: float
    rounds: int


@dataclass(frozen=True)
class Benchmark:
    """One test of the file."""

    name: str
    times: Times
    ratios: Mapping[str, float]
    lower: frozenset[str]
    """Ratios of which less is better."""


@dataclass(frozen=True)
class Benchmarks:
    """A pytest-benchmark JSON file."""

    machine: str
    """Processor, cores and operating system."""
    entries: Mapping[str, Benchmark]
    """By full name."""


def is_benchmark_file(path: Path) -> bool:
    """Whether ``path`` is readable JSON with the parts of a pytest-benchmark file."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and "benchmarks" in data and "machine_info" in data


def load_benchmarks(path: Path) -> Benchmarks:
    """Read a file that ``pytest --benchmark-json=FILE`` wrote. Raises UserError naming file and field."""
    data = read_named(path, "benchmarks", f"write it with pytest --benchmark-json={path}")
    if not isinstance(data, dict):
        raise UserError(f"benchmarks {path}: not a JSON object")
    try:
        file = fitted(_File, data)
    except SchemaError as error:
        raise UserError(f"benchmarks {path}: {error}") from None
    if not file.benchmarks:
        raise UserError(f"benchmarks {path}: holds no benchmarks; run pytest with --benchmark-only")
    return Benchmarks(_machine(file.machine_info), {e.fullname: _benchmark(e) for e in file.benchmarks})


@dataclass(frozen=True)
class _Entry:
    """One benchmark of the file, without what is not read here."""

    stats: Times
    fullname: str
    extra_info: Mapping[str, Any]


@dataclass(frozen=True)
class _File:
    benchmarks: tuple[_Entry, ...]
    machine_info: Mapping[str, Any]


def _benchmark(entry: _Entry) -> Benchmark:
    lower = entry.extra_info.get(LOWER, [])
    ratios = {name: float(value) for name, value in entry.extra_info.items() if _is_ratio(name, value)}
    return Benchmark(
        name=entry.fullname,
        times=entry.stats,
        ratios=ratios,
        lower=frozenset(map(str, lower)) if isinstance(lower, list) else frozenset(),
    )


def _is_ratio(name: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value > 0.0 and (name == "ratio" or " / " in name)


def _machine(info: Mapping[str, Any]) -> str:
    cpu = info.get("cpu")
    found: Mapping[str, Any] = cpu if isinstance(cpu, Mapping) else {}
    name = found.get("brand_raw") or info.get("processor") or "unknown CPU"
    return f"{name}, {found.get('count', '?')} cores, {info.get('system', '?')} {info.get('machine', '?')}"


def check_benchmarks(baseline: Benchmarks, run: Benchmarks, limits: Limits | None = None) -> GateResult:
    """The verdict on ``run``: every benchmark of ``baseline``, worse by more than ``limits.perf_ratio``.

    Stored ratios are compared where the baseline has them. Otherwise the median: it has regressed when it
    grew by more than the limit *and* the quartiles do not overlap; of another machine it is not comparable.
    """
    limits = limits if limits is not None else Limits()
    cells = []
    for name, then in baseline.entries.items():
        now = run.entries.get(name)
        if now is None:
            reason = "benchmark: the run does not have it"
            cells.append(CellVerdict(name, (), reason=reason, field="benchmark"))
        elif then.ratios:
            verdicts = tuple(_ratio(key, then, now, limits.perf_ratio) for key in then.ratios)
            cells.append(CellVerdict(name, verdicts, remark=_remark(baseline, run)))
        elif baseline.machine != run.machine:
            reason = (
                f"machine: baseline {baseline.machine}, run {run.machine}; seconds need one machine, "
                "and this benchmark stores no ratio"
            )
            cells.append(CellVerdict(name, (), reason=reason, field="machine"))
        else:
            cells.append(CellVerdict(name, (_median(then.times, now.times, limits.perf_ratio),)))
    return GateResult(tuple(cells), tuple(name for name in run.entries if name not in baseline.entries))


def _remark(baseline: Benchmarks, run: Benchmarks) -> str:
    if baseline.machine == run.machine:
        return ""
    return f"machine: baseline {baseline.machine}, run {run.machine}; only ratios are compared"


def _ratio(name: str, before: Benchmark, after: Benchmark, limit: float) -> MetricVerdict:
    then, now = before.ratios[name], after.ratios.get(name)
    if now is None:
        reason = f"extra_info: the run has no ratio {name!r}"
        return MetricVerdict(name, "not comparable", then, reason=reason, is_cost=True)
    if name in before.lower:
        return _verdict(name, then, now, now / then, limit, limit)
    return _verdict(name, then, now, then / now, limit, 1.0 / limit)


def _median(then: Times, now: Times, limit: float) -> MetricVerdict:
    if then.median <= 0.0 or now.median <= 0.0:
        return MetricVerdict(
            "median seconds", "not comparable", then.median, now.median, reason="no time", is_cost=True
        )
    worse = now.median / then.median
    apart = now.q1 > then.q3 if worse > 1.0 else now.q3 < then.q1
    if min(then.rounds, now.rounds) < 2:
        return _verdict(
            "median seconds", then.median, now.median, worse, limit, limit, "one round: no spread is known"
        )
    if apart:
        return _verdict("median seconds", then.median, now.median, worse, limit, limit)
    return MetricVerdict(
        "median seconds", "unchanged", then.median, now.median, change=worse, tolerance=limit,
        reason="the quartiles overlap", is_cost=True,
    )  # fmt: skip


def _verdict(
    name: str, then: float, now: float, worse: float, limit: float, shown: float, reason: str = ""
) -> MetricVerdict:
    """worse: how many times as costly; shown: the limit in terms of ``now / then``."""
    verdict: Verdict = "unchanged"
    if worse > limit:
        verdict = "regressed"
    elif worse < 1.0 / limit:
        verdict = "improved"
    return MetricVerdict(
        name, verdict, then, now, change=now / then, tolerance=shown, reason=reason, is_cost=True
    )
