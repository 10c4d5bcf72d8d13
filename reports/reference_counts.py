"""Quality and cost against the number of references, best first, worst first and in random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.interval import Interval, mean_interval
from refbench.stats.paired import Comparison, compare_images

from .groups import by_data
from .robustness import values_of


@dataclass(frozen=True)
class CountPoint:
    """One number of references."""

    count: int
    protocol: str
    value: Interval
    gain: Comparison | None
    """Over one best reference (L1), paired by HR image, positive is better; None for that one itself."""
    seconds: float | None
    """Mean seconds of the method per image."""


@dataclass(frozen=True)
class CountCurve:
    """One method, one metric, one order."""

    dataset_label: str
    seed: Any
    card: str
    method_label: str
    order: str
    """``best``, ``worst`` or ``random``."""
    metric: MetricSpec
    points: tuple[CountPoint, ...]
    """By rising number."""


def count_curves(cells: Sequence[CellRecord], specs: Sequence[MetricSpec]) -> tuple[CountCurve, ...]:
    """Every curve of at least two numbers. One best reference is the plain protocol, where it was run."""
    by_signature = {spec.signature: spec for spec in specs}
    found: list[CountCurve] = []
    for (label, _, seed), members in by_data(cells).items():
        plain: dict[tuple[str, str], CellRecord] = {}
        series: dict[tuple[str, str, str], dict[int, CellRecord]] = {}
        for cell in members:
            parts = cell.parts
            if parts is None or parts.transform is not None:
                continue
            method, reference = cell.method_label, parts.reference
            if reference.name == "first":
                plain[parts.card, method] = cell
            elif reference.name == "count" and reference.count is not None:
                own = series.setdefault((parts.card, method, reference.order or "best"), {})
                own[reference.count] = cell
        for (card, method, order), by_count in series.items():
            single = plain.get((card, method))
            if order == "best" and single is not None:
                by_count.setdefault(1, single)
            if len(by_count) < 2:
                continue
            for metric in next(iter(by_count.values())).metrics.values():
                spec = by_signature.get(metric.signature)
                if spec is None or spec.kind != "image":
                    continue
                points = [_point(n, cell, single, spec) for n, cell in sorted(by_count.items())]
                present = tuple(p for p in points if p.value.mean is not None)
                if len(present) > 1:
                    found.append(CountCurve(label, seed, card, method, order, spec, present))
    return tuple(found)


def _point(count: int, cell: CellRecord, single: CellRecord | None, spec: MetricSpec) -> CountPoint:
    trials = values_of(cell, spec)
    gain: Comparison | None = None
    if single is not None and single is not cell and trials:
        one = values_of(single, spec)
        first, second = (trials, one) if spec.higher_is_better else (one, trials)
        gain = compare_images(first, second, spec.bounds)
    return CountPoint(
        count=count,
        protocol=cell.protocol,
        value=mean_interval(list(trials.values()), [sample for sample, _ in trials], spec.bounds),
        gain=gain,
        seconds=cell.costs.get("seconds"),
    )
