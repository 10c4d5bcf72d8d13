"""Compares a run with a baseline, image by image."""

from __future__ import annotations

import math
from collections.abc import Sequence

from refbench.gate.baseline import Baseline, BaselineCell, rounded
from refbench.gate.costs import costs
from refbench.gate.match import find
from refbench.gate.tolerance import Limits
from refbench.gate.verdict import CellVerdict, GateResult, MetricVerdict, Verdict
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.cluster import cluster_means
from refbench.stats.paired import Trials, compare_differences


def check(
    baseline: Baseline,
    cells: Sequence[CellRecord],
    limits: Limits | None = None,
    *,
    perf: bool = False,
) -> GateResult:
    """The verdict on ``cells`` against ``baseline``.

    A metric has regressed when its mean paired loss exceeds the tolerance and (mode ``paired``) its 95 %
    interval excludes zero; improved likewise. With a single image there is no interval and the tolerance
    alone decides.
    """
    limits = limits if limits is not None else Limits()
    verdicts = []
    used: set[str] = set()
    for wanted in baseline.cells:
        match = find(wanted, cells)
        if match.cell is None:
            verdicts.append(CellVerdict(wanted.name, (), match.reason, match.field))
            continue
        used.add(match.cell.run_key)
        if match.cell.partial:
            reason = f"shard: the run is {match.cell.partial}; join its shards with refbench merge"
            verdicts.append(CellVerdict(wanted.name, (), reason, "shard", run_key=match.cell.run_key))
            continue
        metrics = [_metric(alias, wanted, match.cell, limits) for alias in wanted.signatures]
        if perf:
            metrics += costs(wanted, match.cell, limits)
        verdicts.append(
            CellVerdict(wanted.name, tuple(metrics), run_key=match.cell.run_key, remark=match.remark)
        )
    extra = [
        f"{cell.method_label} on {cell.dataset_label}, {cell.protocol}"
        for cell in cells
        if cell.run_key not in used
    ]
    return GateResult(tuple(verdicts), tuple(extra))


def _metric(alias: str, wanted: BaselineCell, cell: CellRecord, limits: Limits) -> MetricVerdict:
    signature = wanted.signatures[alias]
    tolerance = limits.of(alias, signature)
    now_alias = next((a for a, s in cell.metrics.items() if s.signature == signature), None)
    if now_alias is None:
        other = cell.metrics.get(alias)
        reason = (
            f"signature: baseline {signature}, run {other.signature}"
            if other is not None
            else f"signature: the run has no {signature}; add {alias} to metrics="
        )
        return MetricVerdict(alias, "not comparable", tolerance=tolerance, reason=reason)
    spec = cell.metrics[now_alias].spec
    then, now = wanted.values[alias], rounded(cell.values.get(now_alias, {}), spec)
    missing = sorted({sample for sample, _ in then.keys() - now.keys()})
    if missing:
        why = cell.metrics[now_alias].reason
        failed = [sample for sample in missing if sample in cell.failed]
        reason = f"samples: the run has no value for {_some(missing)}"
        reason += " (errors)" if failed else f" ({why})" if why else ""
        return MetricVerdict(alias, "not comparable", tolerance=tolerance, reason=reason)
    return _compared(alias, then, now, tolerance, limits, spec)


def _compared(
    alias: str, then: Trials, now: Trials, tolerance: float, limits: Limits, spec: MetricSpec
) -> MetricVerdict:
    keys = sorted(then)
    sign = 1.0 if spec.higher_is_better else -1.0
    changes = [sign * (now[key] - then[key]) for key in keys]
    samples = [sample for sample, _ in keys]
    interval = compare_differences(changes, samples).difference
    assert interval.mean is not None
    certain = limits.mode == "strict" or interval.lo is None or interval.excludes_zero
    verdict: Verdict = "unchanged"
    # changes are differences of rounded decimals: 0.02 must not exceed 0.02 by 1e-17
    if certain and abs(interval.mean) > tolerance + 1e-12:
        verdict = "regressed" if interval.mean < 0.0 else "improved"
    reason = "one image: no interval, the tolerance alone decides" if interval.clusters == 1 else ""
    if not certain and interval.mean < -tolerance - 1e-12:
        reason = "beyond the tolerance, but the interval holds zero: mode=strict would fail"
    ids, means = cluster_means(changes, samples)
    losses = sorted((m, i) for i, m in zip(ids, means.tolist(), strict=True) if m < 0.0)
    return MetricVerdict(
        name=alias,
        verdict=verdict,
        baseline=_mean_of(then, keys),
        current=_mean_of(now, keys),
        change=interval.mean,
        lo=interval.lo,
        hi=interval.hi,
        tolerance=tolerance,
        images=interval.clusters,
        worst=tuple((image, loss) for loss, image in losses[: limits.worst]),
        reason=reason,
    )


def _mean_of(trials: Trials, keys: Sequence[tuple[str, int]]) -> float:
    _, means = cluster_means([trials[key] for key in keys], [sample for sample, _ in keys])
    return math.fsum(means.tolist()) / len(means)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} of its images: {shown}" if len(names) > 1 else f"image {shown}"
