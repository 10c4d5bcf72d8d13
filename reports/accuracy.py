"""Matching accuracy next to the gain it buys: one entry per method and protocol that knows the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbench.specs import MetricSpec
from refbench.stats.interval import Interval
from refbench.stats.summary import MetricSummary

from .grid_model import Field, Grid, count, mean_field, number, texts
from .groups import Group
from .table_model import Entry, Table

ALIASES = ("match_epe", "match_pck1", "match_pck2", "match_pck4", "match_pck4_ceiling", "match_inside")


@dataclass(frozen=True)
class Accuracy:
    """A method's matches under one protocol, and its SR quality over the baseline there."""

    dataset_label: str
    protocol: str
    method_label: str
    scores: dict[str, MetricSummary]
    """By alias, of ALIASES; only those with a mean."""
    gain: Interval | None
    """Paired difference to the baseline in the report's main metric; None without a baseline."""


def accuracies(tables: Sequence[tuple[Group, Table]], spec: MetricSpec) -> tuple[Accuracy, ...]:
    """Every entry with scored matches, each cell once."""
    found: dict[str, Accuracy] = {}
    for _, table in tables:
        for section in table.sections:
            for entry in section.entries:
                metrics = {a: m for a in ALIASES if (m := entry.cell.metrics.get(a)) and m.mean is not None}
                if metrics:
                    found.setdefault(
                        entry.cell.run_key,
                        Accuracy(
                            section.dataset_label,
                            section.protocol,
                            entry.cell.method_label,
                            metrics,
                            _gain(entry, spec),
                        ),
                    )
    return tuple(found.values())


def accuracy_grid(rows: Sequence[Accuracy], spec: MetricSpec) -> Grid:
    """One row per method and protocol."""
    name, unit = spec.title or spec.alias, f" {spec.unit}" if spec.unit else ""
    fields = []
    for row in rows:
        shares = (number(_mean(row, alias), 3) for alias in ALIASES[1:])
        gain = mean_field(row.gain, spec, signed=True) if row.gain is not None else Field("-")
        images = max((m.n for m in row.scores.values()), default=0)
        labels = texts(row.dataset_label, row.protocol, row.method_label)
        fields.append((*labels, count(images), number(_mean(row, "match_epe"), 2), *shares, gain))
    return Grid(
        f"Matching accuracy, and {name} over the baseline",
        (
            "dataset", "protocol", "method", "n", "EPE px", "PCK@1", "PCK@2", "PCK@4", "ceiling of PCK@4",
            "in overlap", f"gain{unit}",
        ),
        tuple(fields),
        (
            "each method's own matches, before any refinement, in HR pixels; the ceiling is what the nearest "
            "place on the matcher's grid reaches; in overlap: share of matches that point at something HR "
            "shows.",
        ),
    )  # fmt: skip


def _mean(row: Accuracy, alias: str) -> float | None:
    found = row.scores.get(alias)
    return None if found is None else found.mean


def _gain(entry: Entry, spec: MetricSpec) -> Interval | None:
    for score in entry.scores:
        if score.summary is not None and score.summary.signature == spec.signature and score.delta:
            return score.delta.difference
    return None
