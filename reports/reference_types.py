"""What each type of reference is worth to each method: gain over a constant one, harm rate, selectivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refbench.protocols.reference import ORACLE
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.interval import Interval, mean_interval
from refbench.stats.paired import Comparison
from refbench.stats.reference_gain import ReferenceGain, reference_gain, selectivity

from .groups import by_data
from .robustness import values_of

UNRELATED = ("other", "foreign")
"""Photographs that have nothing to do with the input. Noise and shuffled patches are left out: no
photograph looks like them, so a method may tell them apart without understanding anything."""
_NAMES = {
    "first": "L1",
    "hr": f"HR ({ORACLE})",
    "lr": "LR itself",
    "other": "another image",
    "foreign": "texture photo",
}


@dataclass(frozen=True)
class TypeResult:
    """One type of reference for one method."""

    name: str
    """``L1`` .. ``L5``, ``HR (oracle: leaks HR)``, ``another image``, ``constant``."""
    protocol: str
    value: Interval
    result: ReferenceGain | None
    """None for the constant reference itself."""


@dataclass(frozen=True)
class TypeTable:
    """One method, one metric: all types of reference that were run."""

    dataset_label: str
    seed: Any
    card: str
    method_label: str
    metric: MetricSpec
    types: tuple[TypeResult, ...]
    selectivity: Comparison | None
    """None unless L1 and at least one unrelated reference were run."""
    unrelated: tuple[str, ...]
    """Names of the types that the selectivity takes for unrelated."""


def type_tables(cells: Sequence[CellRecord], specs: Sequence[MetricSpec]) -> tuple[TypeTable, ...]:
    """A table for every method that was run with a constant reference and at least one other."""
    by_signature = {spec.signature: spec for spec in specs}
    found: list[TypeTable] = []
    for (label, _, seed), members in by_data(cells).items():
        series: dict[tuple[str, str], list[CellRecord]] = {}
        for cell in members:
            parts = cell.parts
            if parts is not None and parts.transform is None and parts.reference.name not in ("count", "all"):
                series.setdefault((parts.card, cell.method_label), []).append(cell)
        for (card, method), own in series.items():
            constant = next((c for c in own if c.parts and c.parts.reference.name == "constant"), None)
            if constant is None or len(own) < 2:
                continue
            for metric in constant.metrics.values():
                spec = by_signature.get(metric.signature)
                if spec is not None and spec.kind == "image" and values_of(constant, spec):
                    found.append(_table(label, seed, card, method, own, constant, spec))
    return tuple(found)


def _table(
    label: str,
    seed: Any,
    card: str,
    method: str,
    cells: Sequence[CellRecord],
    constant: CellRecord,
    spec: MetricSpec,
) -> TypeTable:
    none = values_of(constant, spec)
    types: list[TypeResult] = []
    unrelated: dict[str, dict[tuple[str, int], float]] = {}
    best: dict[tuple[str, int], float] = {}
    for cell in cells:
        trials = values_of(cell, spec)
        if cell.parts is None or not trials:
            continue
        name = type_name(cell.parts.reference.name, cell.parts.reference.level)
        if cell.parts.reference.name == "first":
            best = trials
        if cell.parts.reference.name in UNRELATED:
            unrelated[name] = trials
        result = (
            None
            if cell is constant
            else reference_gain(trials, none, higher_is_better=spec.higher_is_better, bounds=spec.bounds)
        )
        interval = mean_interval(list(trials.values()), [sample for sample, _ in trials], spec.bounds)
        types.append(TypeResult(name, cell.protocol, interval, result))
    chosen = (
        selectivity(best, unrelated, none, higher_is_better=spec.higher_is_better, bounds=spec.bounds)
        if best
        else None
    )
    return TypeTable(label, seed, card, method, spec, tuple(types), chosen, tuple(unrelated))


def type_name(policy: str, level: int | None) -> str:
    """What tables call a reference policy."""
    return f"L{level}" if level is not None else _NAMES.get(policy, policy)
