"""Degradation curves: each method under each family of reference transforms, with one score a family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refbench.results.drops import trials_of
from refbench.results.protocol_parts import level_order
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.robustness import Degradation, degradation

from .groups import by_data


@dataclass(frozen=True)
class Curve:
    """One method, one family, one metric."""

    dataset_label: str
    seed: Any
    base: str
    """Protocol id of the control."""
    family: str
    """``jitter@1``."""
    method_label: str
    metric: MetricSpec
    ordered: bool
    """False: the levels are not a scale (flips, or a family unknown here), in the order found."""
    result: Degradation


def curves(cells: Sequence[CellRecord], specs: Sequence[MetricSpec]) -> tuple[Curve, ...]:
    """Every curve that the cells give: families that have the method's own control, levels mild to strong."""
    by_signature = {spec.signature: spec for spec in specs}
    found: list[Curve] = []
    for (label, _, seed), members in by_data(cells).items():
        families: dict[tuple[str, str, str], list[CellRecord]] = {}
        for cell in members:
            if cell.parts is not None and cell.parts.transform is not None:
                key = (cell.parts.base, cell.parts.transform, cell.method_label)
                families.setdefault(key, []).append(cell)
        for (base, family, method), levels in families.items():
            control = next((c for c in members if c.protocol == base and c.method_label == method), None)
            if control is None:
                continue
            order = level_order(family)
            known = [c for c in levels if order is not None and c.parts and c.parts.level in order]
            chosen = sorted(known, key=lambda c: _index(c, order)) if order is not None else levels
            for metric in control.metrics.values():
                spec = by_signature.get(metric.signature)
                if spec is None or spec.kind != "image":
                    continue
                made = _curve(control, chosen, spec)
                if made is not None:
                    found.append(Curve(label, seed, base, family, method, spec, order is not None, made))
    return tuple(found)


def _index(cell: CellRecord, order: tuple[str, ...] | None) -> int:
    return order.index(cell.parts.level) if order and cell.parts and cell.parts.level in order else 0


def _curve(control: CellRecord, levels: Sequence[CellRecord], spec: MetricSpec) -> Degradation | None:
    clean = values_of(control, spec)
    by_level = {str(c.parts.level): values_of(c, spec) for c in levels if c.parts is not None}
    present = {name: trials for name, trials in by_level.items() if trials}
    if not clean or not present:
        return None
    return degradation(clean, present, higher_is_better=spec.higher_is_better, bounds=spec.bounds)


def values_of(cell: CellRecord, spec: MetricSpec) -> dict[tuple[str, int], float]:
    """The cell's trials under the metric's signature; empty where it has none."""
    return dict(trials_of(cell, spec.signature))
