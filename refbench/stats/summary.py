"""What a finished cell amounts to: one mean with an interval per metric, and the trials behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from refbench.specs import MetricSpec
from refbench.stats.interval import mean_interval
from refbench.stats.paired import Trials


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
    failed: tuple[str, ...] = ()
    """Ids of the samples with an error row, sorted."""


@dataclass(frozen=True)
class CellSummary:
    """One cell = method x dataset x protocol instance x seed, as tables, gate and ``--json`` see it."""

    method: str
    """Plain id."""
    weights: str
    """Weights variant or path label; empty for a method without weights."""
    method_label: str
    """``datsr (compact)``."""
    dataset: str
    """Plain id."""
    dataset_label: str
    """``cufed5-sample``, ``wrsr [6 of 80]``."""
    protocol: str
    """Instance id: ``canonical@1+jitter@1[level=x1]``."""
    baseline: bool
    """True for the method that the others' deltas refer to (bicubic)."""
    n: int
    trials: int
    errors: int
    run_key: str
    rows_path: str
    """File of the rows."""
    metrics: Mapping[str, MetricSummary]
    values: Mapping[str, Trials] = field(repr=False, default_factory=dict)
    compare_key: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """What two cells must share to be compared, without the metric's signature: dataset fingerprint,
    protocol id and parameters, seed. Never weights or code."""
    control: str | None = None
    """Protocol id of the undistorted cell that the drop is measured from; None: no such cell."""
    failed: tuple[str, ...] = ()
    """Ids of the samples with an error row."""
    failures: tuple[Mapping[str, Any], ...] = ()
    """The error rows: ``sample_id draw error error_kind attempts``."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """What the gate's ``--perf`` compares, lower is better: ``seconds`` per image, ``peak_mb``."""
    work: Mapping[str, float] = field(default_factory=dict)
    """``parameters`` of the method and ``flops`` of one trial, as far as they are known."""
    suite: str = ""
    """The suite that the cell was run for; empty where nobody asked."""
    machine: Mapping[str, str] = field(default_factory=dict)
    """Where the costs were measured: processor, device, threads; empty when not known."""
    partial: str = ""
    """``partial: shard 1/4`` for one shard of a cell: it is neither ranked nor gated. Empty: complete."""

    def json(self) -> dict[str, Any]:
        """The cell as ``run --json`` prints it."""
        partial = {"partial": self.partial} if self.partial else {}
        failures = {"failures": [dict(f) for f in self.failures]} if self.failures else {}
        return {
            "method": self.method,
            "weights": self.weights,
            "dataset": self.dataset,
            "dataset_label": self.dataset_label,
            "protocol": self.protocol,
            "baseline": self.baseline,
            "n": self.n,
            "trials": self.trials,
            "errors": self.errors,
            "run_key": self.run_key,
            "rows": self.rows_path,
            **partial,
            **failures,
            "metrics": {alias: metric.json() for alias, metric in self.metrics.items()},
        }


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
    for spec in specs:
        trials = {
            (str(row["sample_id"]), int(row["draw"])): float(row["metrics"][spec.signature])
            for row in ok
            if row["metrics"].get(spec.signature) is not None
        }
        interval = mean_interval(list(trials.values()), [sample for sample, _ in trials], spec.bounds)
        values[spec.alias] = trials
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
                causes["infinite: SR equals the target"] += 1
            elif special is not None:
                causes[f"not a number ({special})"] += 1
            else:
                causes[row.get("absent", {}).get(spec.alias, "not computed")] += 1
    if present == 0 and len(causes) == 1:
        return next(iter(causes))
    parts = "; ".join(f"{count} {cause}" for cause, count in causes.most_common())
    return f"no value for {len(ok) - present} of {len(ok)} trials: {parts}"
