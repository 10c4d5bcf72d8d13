"""What a finished cell amounts to: one mean with an interval per metric, and the trials behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from refbench.specs import MetricSpec
from refbench.stats.interval import mean_interval
from refbench.stats.paired import Trials

INFINITE = "infinite: SR equals the target"
"""The reason of a value that is too good to be a number."""


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one cell."""

    mean: float | None
    """Mean over HR images; None when no trial has a value."""
    lo: float | None
    """Lower end of the 95 % interval clustered by HR image; None for fewer than two images."""
    hi: float | None
    spec: MetricSpec
    """What it is: signature, unit, decimals, direction."""
    n: int
    """Distinct HR images with a value."""
    reason: str | None = None
    """Why values are missing: the metric is unavailable, or some images have none (inf)."""

    @property
    def signature(self) -> str:
        """Identity of the metric in rows, tables, joins and the gate."""
        return self.spec.signature

    def json(self) -> dict[str, Any]:
        """``{"mean", "lo", "hi", "signature", "n"}`` and ``"reason"`` where there is one."""
        data: dict[str, Any] = {
            "mean": self.mean, "lo": self.lo, "hi": self.hi, "signature": self.signature, "n": self.n
        }  # fmt: skip
        if self.reason is not None:
            data["reason"] = self.reason
        return data


@dataclass(frozen=True)
class RowsSummary:
    """What the rows of one cell say, before anything is known about the cell."""

    n: int
    """Distinct HR images with at least one ok trial."""
    trials: int
    """Rows: images x draws, errors included."""
    errors: int
    """Rows with ``status=error``."""
    metrics: Mapping[str, MetricSummary]
    """By alias, in the order of the specs."""
    values: Mapping[str, Trials]
    """By alias: (sample id, draw) -> finite value."""
    special: Mapping[str, Mapping[tuple[str, int], str]] = field(default_factory=dict)
    """By alias: (sample id, draw) -> ``inf``, ``-inf`` or ``nan`` where that was computed."""
    failed: tuple[str, ...] = ()
    """Ids of the samples with an error row, sorted."""


Row = Mapping[str, Any]
"""A row as the store writes it: sample_id, draw, status, metrics, and optionally special and absent."""


def summarise(rows: Iterable[Row], specs: Sequence[MetricSpec]) -> RowsSummary:
    """Summarise the rows of one cell for the given metrics. Error rows count, and enter no mean.

    Rows without a value for a metric (null: identical images give an infinite PSNR; or a metric that
    was not available) are left out of its mean, and its ``reason`` says how many and why.
    """
    rows = list(rows)
    ok = [row for row in rows if row["status"] == "ok"]
    failed = tuple(sorted({str(row["sample_id"]) for row in rows if row["status"] != "ok"}))
    metrics: dict[str, MetricSummary] = {}
    values: dict[str, Trials] = {}
    special: dict[str, dict[tuple[str, int], str]] = {}
    for spec in specs:
        trials = {
            (str(row["sample_id"]), int(row["draw"])): float(row["metrics"][spec.signature])
            for row in ok
            if row["metrics"].get(spec.signature) is not None
        }
        interval = mean_interval(list(trials.values()), [sample for sample, _ in trials], spec.bounds)
        values[spec.alias] = trials
        special[spec.alias] = {
            (str(row["sample_id"]), int(row["draw"])): str(row["special"][spec.signature])
            for row in ok
            if row.get("special") and spec.signature in row["special"]
        }
        metrics[spec.alias] = MetricSummary(
            mean=interval.mean,
            lo=interval.lo,
            hi=interval.hi,
            spec=spec,
            n=interval.clusters,
            reason=_missing_reason(ok, spec, len(trials)),
        )
    return RowsSummary(
        n=len({row["sample_id"] for row in ok}),
        trials=len(rows),
        errors=len(rows) - len(ok),
        metrics=metrics,
        values=values,
        special=special,
        failed=failed,
    )


def _missing_reason(ok: Sequence[Row], spec: MetricSpec, present: int) -> str | None:
    if present == len(ok):
        return None if ok else "no trial succeeded"
    causes: Counter[str] = Counter()
    for row in ok:
        if row["metrics"].get(spec.signature) is None:
            special = row.get("special", {}).get(spec.signature)
            if special in ("inf", "-inf"):
                causes[INFINITE] += 1
            elif special is not None:
                causes[f"not a number ({special})"] += 1
            else:
                causes[row.get("absent", {}).get(spec.alias, "not computed")] += 1
    if present == 0 and len(causes) == 1:
        return next(iter(causes))
    parts = "; ".join(f"{count} {cause}" for cause, count in causes.most_common())
    return f"no value for {len(ok) - present} of {len(ok)} trials: {parts}"
