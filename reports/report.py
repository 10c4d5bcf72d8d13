"""The whole report as data; writers of formats only read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbench.errors import UserError, unknown
from refbench.results.cells import FinishedCells
from refbench.results.drops import Drops
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec

from .accuracy import Accuracy, accuracies, accuracy_grid
from .cost_summary import Cost, ScalePoint, cost_of, scaling
from .differences import differences_grid
from .grid_model import Grid, nonempty
from .groups import Group, group_cells
from .inside_outside import InsideOutside, inside_outside, inside_outside_grid
from .literature import literature_grid
from .published import SideBySide, contradictions, side_by_side  # contradictions
from .reference_counts import CountCurve, count_curves
from .reference_types import TypeTable, type_tables
from .report_grids import (
    costs_grid,
    counts_grid,
    published_grid,
    robustness_grid,
    selectivity_grid,
    types_grid,
)
from .robustness import Curve, curves
from .table import Table, comparison_table


@dataclass(frozen=True)
class Report:
    """Everything that any format shows."""

    stored: FinishedCells
    metric: MetricSpec
    """The metric of curves, gains and pictures."""
    drops: Drops
    """What each cell lost against its control."""
    tables: tuple[tuple[Group, Table], ...]
    curves: tuple[Curve, ...]
    """Every metric; formats show ``metric``."""
    types: tuple[TypeTable, ...]
    counts: tuple[CountCurve, ...]
    accuracy: tuple[Accuracy, ...]
    """Where matches could be scored."""
    regions: tuple[InsideOutside, ...]
    """Where metrics were asked for on what the reference shows, and on the rest."""
    costs: tuple[Cost, ...]
    """One per cell, in the order of the cells."""
    scaling: dict[str, tuple[ScalePoint, ...]]
    published: tuple[SideBySide, ...]
    """Empty unless asked for."""
    literature: Grid | None = None
    """The literature's table with the measured methods beneath, where ``published=all`` asks for it."""

    @property
    def cells(self) -> tuple[CellRecord, ...]:
        """The cells in the order of tables."""
        return self.stored.cells

    def main_curves(self) -> list[Curve]:
        """Degradation curves of the main metric."""
        return [c for c in self.curves if c.metric.signature == self.metric.signature]

    def main_types(self) -> list[TypeTable]:
        """Reference types of the main metric."""
        return [t for t in self.types if t.metric.signature == self.metric.signature]

    def main_counts(self) -> list[CountCurve]:
        """Reference numbers of the main metric."""
        return [c for c in self.counts if c.metric.signature == self.metric.signature]

    def plain_costs(self) -> list[Cost]:
        """Costs of each method's first protocol per dataset: the distorted ones cost the same."""
        first: dict[tuple[str, str], Cost] = {}
        for cost in self.costs:
            first.setdefault((cost.dataset_label, cost.method_label), cost)
        return list(first.values())

    def grids(self) -> tuple[Grid, ...]:
        """The smaller tables that have rows."""
        return tuple(grid for grids in self.grids_by_question().values() for grid in grids)

    def grids_by_question(self) -> dict[str, tuple[Grid, ...]]:
        """The smaller tables that have rows, by what they answer (a key of QUESTIONS)."""
        types = self.main_types()
        found = {
            "quality": [differences_grid([table for _, table in self.tables])],
            "robustness": [robustness_grid(self.main_curves(), self.metric)],
            "references": [
                types_grid(types, self.metric),
                selectivity_grid(types, self.metric),
                counts_grid(self.main_counts(), self.metric),
                inside_outside_grid(self.regions),
            ],
            "matching": [accuracy_grid(self.accuracy, self.metric)],
            "cost": [costs_grid(self.plain_costs())],
            "published": self._published_grids(),
        }
        return {question: nonempty(grids) for question, grids in found.items()}

    def _published_grids(self) -> list[Grid]:
        if self.literature is not None:
            return [self.literature]
        if not self.published:
            return []
        return [published_grid(self.published, contradictions(row.published for row in self.published))]


def build_report(
    stored: FinishedCells, *, metric: str | None = None, published: bool | str = False
) -> Report:
    """Analyse finished cells.

    metric: alias of the metric for curves and pictures; default the first one that the first cell has.
    published: ``own`` (or True) adds published numbers, ``all`` the literature's table with these cells.
    Raises UserError for a metric that no cell has.
    """
    spec = main_metric(stored, metric)
    groups = group_cells(stored.cells)
    drops = Drops(stored.cells)
    tables = tuple((group, comparison_table(group.cells, title=group.title, drops=drops)) for group in groups)
    return Report(
        stored=stored,
        metric=spec,
        drops=drops,
        tables=tables,
        accuracy=accuracies(tables, spec),
        regions=inside_outside([table for _, table in tables]),
        curves=curves(stored.cells, stored.specs),
        types=type_tables(stored.cells, stored.specs),
        counts=count_curves(stored.cells, stored.specs),
        costs=tuple(cost_of(cell) for cell in stored.cells),
        scaling=scaling(stored.cells),
        published=() if published in (False, "none") else side_by_side(stored.cells),
        literature=literature_grid([table for _, table in tables], stored.cells)
        if published == "all"
        else None,
    )


def main_metric(stored: FinishedCells, alias: str | None) -> MetricSpec:
    """The spec of ``alias``, or of the first metric that has a mean."""
    present: dict[str, MetricSpec] = {}
    for cell in stored.cells:
        for name, metric in cell.metrics.items():
            if metric.mean is not None:
                present.setdefault(name, metric.spec)
    if alias is not None:
        if alias not in present:
            raise unknown("metric in these runs", alias, present)
        return present[alias]
    found = _first(list(present.values())) or _first(stored.specs)
    if found is None:
        raise UserError("no metric in these runs; add some with refbench score metrics=[...]")
    return found


def _first(specs: Sequence[MetricSpec]) -> MetricSpec | None:
    image = [spec for spec in specs if spec.kind == "image"]
    return image[0] if image else specs[0] if specs else None
