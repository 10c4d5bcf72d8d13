"""Gain inside and outside of what the reference shows: does a method use its reference, or only its prior?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbench.metrics.regions import COVERED, UNCOVERED
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.paired import Comparison, Trials, compare

from .grid_model import Field, Grid, count, mean_field, texts
from .table_model import Section, Table


@dataclass(frozen=True)
class InsideOutside:
    """One method against its baseline in one metric; a positive difference is a gain."""

    dataset_label: str
    protocol: str
    method_label: str
    metric: MetricSpec
    """On the covered part."""
    inside: Comparison
    outside: Comparison
    difference: Comparison
    """The gain inside minus the gain outside, paired by image; images that have both parts."""


def inside_outside(tables: Sequence[Table]) -> tuple[InsideOutside, ...]:
    """Every method with a metric on both regions and a baseline that has it, too; each cell once."""
    found: dict[tuple[str, str], InsideOutside] = {}
    for table in tables:
        for section in table.sections:
            baseline = next((entry.cell for entry in section.entries if entry.cell.baseline), None)
            for entry in section.entries:
                if baseline is not None and entry.cell is not baseline:
                    for item in _of_cell(section, entry.cell, baseline):
                        found[entry.cell.run_key, item.metric.signature] = item
    return tuple(found.values())


def _of_cell(section: Section, cell: CellRecord, baseline: CellRecord) -> list[InsideOutside]:
    items = []
    for spec in (metric.spec for metric in cell.metrics.values() if metric.spec.region == COVERED):
        other = spec.signature.replace(f"region={COVERED}(", f"region={UNCOVERED}(")
        inside, outside = (_gains(cell, baseline, s, spec) for s in (spec.signature, other))
        if not inside or not outside:
            continue
        nothing = dict.fromkeys([*inside, *outside], 0.0)
        items.append(
            InsideOutside(
                section.dataset_label,
                section.protocol,
                cell.method_label,
                spec,
                compare(inside, nothing),
                compare(outside, nothing),
                compare(inside, outside),
            )
        )
    return items


def _gains(cell: CellRecord, baseline: CellRecord, signature: str, spec: MetricSpec) -> Trials:
    """(sample, draw) -> gain over the baseline, positive where the method is the better one."""
    own, other = (_values(record, signature) for record in (cell, baseline))
    sign = 1.0 if spec.higher_is_better else -1.0
    return {key: sign * (own[key] - other[key]) for key in own if key in other}


def _values(cell: CellRecord, signature: str) -> Trials:
    return next((cell.values[a] for a, m in cell.metrics.items() if m.signature == signature), {})


def inside_outside_grid(items: Sequence[InsideOutside]) -> Grid:
    """One row per method, protocol and metric."""
    rows: list[tuple[Field, ...]] = []
    for item in items:
        spec = item.metric
        name = (spec.title or spec.alias).replace(f" [{COVERED}]", "")
        rows.append(
            (
                *texts(item.dataset_label, item.protocol, item.method_label),
                Field(f"{name}{f' {spec.unit}' if spec.unit else ''}"),
                count(item.difference.difference.clusters),
                mean_field(item.inside.difference, spec, signed=True),
                mean_field(item.outside.difference, spec, signed=True),
                mean_field(item.difference.difference, spec, signed=True),
            )
        )
    return Grid(
        "Gain inside and outside of what the reference shows",
        ("dataset", "protocol", "method", "metric", "n", "gain inside", "gain outside", "inside - outside"),
        tuple(rows),
        (
            "inside: where a fixed encoder finds the target's content in the reference (region covered), "
            "whatever the method does with it; outside: the rest. Gains are over the baseline, paired by "
            "image, positive is better; n: images that have both parts.",
            "outside also holds places that the reference shows too differently to be found (docs/metrics.md "
            "has precision and recall), so a gain there is not proof of a gain without the reference.",
        ),
    )
