"""Costs of a cell against those of the baseline, as ratios, on one machine only."""

from __future__ import annotations

from refbench.gate.baseline import BaselineCell
from refbench.gate.tolerance import Limits, cost_floor
from refbench.gate.verdict import MetricVerdict, Verdict
from refbench.identity.keys import first_difference
from refbench.results.record import CellRecord


def costs(wanted: BaselineCell, cell: CellRecord, limits: Limits) -> list[MetricVerdict]:
    """A verdict per cost of the baseline (mean seconds per image and stage, largest peak memory).

    Seconds of another processor, device or number of threads say nothing about the method: then every
    cost is not comparable. Where either side does not know its machine the costs are compared.
    """
    if not wanted.costs:
        reason = "costs: the baseline has none; make it anew with --update"
        return [MetricVerdict("costs", "not comparable", reason=reason, is_cost=True)]
    other = first_difference(wanted.machine, cell.machine) if wanted.machine and cell.machine else None
    if other is None:
        return [_cost(name, then, cell, limits) for name, then in wanted.costs.items()]
    reason = f"machine: {other[0]}: baseline {other[1]}, run {other[2]}; measure the baseline on this machine"
    return [
        MetricVerdict(name, "not comparable", then, cell.costs.get(name), reason=reason, is_cost=True)
        for name, then in wanted.costs.items()
    ]


def _cost(name: str, then: float, cell: CellRecord, limits: Limits) -> MetricVerdict:
    now = cell.costs.get(name)
    if now is None:
        reason = f"costs: the run has no {name}"
        return MetricVerdict(name, "not comparable", then, reason=reason, is_cost=True)
    floor = cost_floor(name)
    if max(then, floor) <= 0.0:
        reason = f"costs: the baseline's {name} is {then:g}"
        return MetricVerdict(name, "not comparable", then, now, reason=reason, is_cost=True)
    ratio = max(now, floor) / max(then, floor)
    verdict: Verdict = "unchanged"
    if ratio > limits.perf_ratio:
        verdict = "regressed"
    elif ratio < 1.0 / limits.perf_ratio:
        verdict = "improved"
    return MetricVerdict(
        name, verdict, then, now, change=ratio, tolerance=limits.perf_ratio, images=cell.n, is_cost=True
    )
