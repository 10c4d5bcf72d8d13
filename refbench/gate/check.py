"""Compares a run with a baseline, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refbench.gate.baseline import Baseline, BaselineCell, scores_of
from refbench.gate.compare import Scores, compared, rule_of
from refbench.gate.costs import costs
from refbench.gate.match import Match, find
from refbench.gate.tolerance import Limits
from refbench.gate.verdict import CellVerdict, GateResult, MetricVerdict
from refbench.results.record import CellRecord


def check(
    baseline: Baseline,
    cells: Sequence[CellRecord],
    limits: Limits | None = None,
    *,
    perf: bool = False,
    common: bool = False,
) -> GateResult:
    """The verdict on ``cells`` against ``baseline``: see :func:`refbench.gate.compare.compared`.

    common: images that only one side has are left out, and so are images whose inputs changed, where
    otherwise the cell is not comparable.
    """
    limits = limits if limits is not None else Limits()
    verdicts = []
    used: set[str] = set()
    for wanted in baseline.cells:
        match = find(wanted, cells, common=common)
        if match.cell is not None:
            used.add(match.cell.run_key)
        verdicts.append(_cell(wanted, match, limits, perf, common))
    extra = [
        f"{cell.method_label} on {cell.dataset_label}, {cell.protocol}"
        for cell in cells
        if cell.run_key not in used
    ]
    return GateResult(tuple(verdicts), tuple(extra))


def _cell(
    wanted: BaselineCell,
    match: Match,
    limits: Limits,
    perf: bool,
    common: bool,
) -> CellVerdict:
    found = CellVerdict(
        wanted.name,
        (),
        match.reason,
        match.field,
        added=match.added,
        missing=match.missing,
        changed=match.changed,
    )
    cell = match.cell
    if cell is None:
        return found
    found = replace(found, run_key=cell.run_key)
    if cell.partial:
        reason = f"shard: the run is {cell.partial}; join its shards with refbench merge"
        return replace(found, reason=reason, field="shard")
    flaky = _flaky(wanted, cell, limits)
    random = wanted.random or cell.random or bool(flaky)
    left_out = frozenset((*match.added, *match.missing, *match.changed)) if common else frozenset()
    metrics = [_metric(alias, wanted, cell, limits, left_out, random=random) for alias in wanted.signatures]
    if perf:
        metrics += costs(wanted, cell, limits)
    declared = "the method is declared random: the interval of the mean decides alone" if random else ""
    remark = "; ".join(text for text in (match.remark, flaky or declared) if text)
    return replace(found, metrics=tuple(metrics), remark=remark)


def _flaky(wanted: BaselineCell, cell: CellRecord, limits: Limits) -> str:
    """What ``repeat=2`` found: calls on one input that differ by more than the mean may."""
    for alias, (sample, apart) in cell.repeated.items():
        if alias in wanted.signatures and apart > limits.of(alias, wanted.signatures[alias]):
            declared = "" if cell.random else "; seed it for each call, or declare deterministic=False"
            return (
                f"flaky: two calls on the same input differ by up to {apart:.4g} in {alias} "
                f"(image {sample}): the interval of the mean decides alone{declared}"
            )
    return ""


def _metric(
    alias: str,
    wanted: BaselineCell,
    cell: CellRecord,
    limits: Limits,
    left_out: frozenset[str],
    *,
    random: bool,
) -> MetricVerdict:
    signature = wanted.signatures[alias]
    rule = rule_of(limits, alias, signature, random=random)
    now_alias = next((a for a, s in cell.metrics.items() if s.signature == signature), None)
    if now_alias is None:
        other = cell.metrics.get(alias)
        reason = (
            f"signature: baseline {signature}, run {other.signature}"
            if other is not None
            else f"signature: the run has no {signature}; add {alias} to metrics="
        )
        return MetricVerdict(alias, "not comparable", tolerance=rule.tolerance, reason=reason)
    then = _without(wanted.values[alias], left_out)
    now = _without(scores_of(cell, now_alias), left_out)
    missing = sorted({sample for sample, _ in then.keys() - now.keys()})
    if missing:
        why = cell.metrics[now_alias].reason
        failed = [sample for sample in missing if sample in cell.failed]
        reason = f"samples: the run has no value for {some(missing)}"
        reason += " (errors)" if failed else f" ({why})" if why else ""
        return MetricVerdict(alias, "not comparable", tolerance=rule.tolerance, reason=reason)
    if not then:
        reason = "samples: no image is the same in both"
        return MetricVerdict(alias, "not comparable", tolerance=rule.tolerance, reason=reason)
    return compared(alias, then, now, rule, cell.metrics[now_alias].spec)


def _without(scores: Scores, samples: frozenset[str]) -> Scores:
    return {key: value for key, value in scores.items() if key[0] not in samples} if samples else scores


def some(names: Sequence[str]) -> str:
    """``image 004``, ``5 of its images: 004, 005, 006, ...``."""
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} of its images: {shown}" if len(names) > 1 else f"image {shown}"
