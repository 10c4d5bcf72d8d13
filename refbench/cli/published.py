"""``--published``: what others reported for the methods of a run, beside what was measured here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from refbench.cli.table import print_table

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.reports.published import Beside
    from refbench.results.record import CellRecord


def published_beside(cells: Sequence[CellRecord]) -> tuple[Beside, ...]:
    """The published numbers of the methods in ``cells`` on their datasets; never ranked with them."""
    from refbench.reports.published import beside, of_methods

    return of_methods(beside(cells), {cell.method for cell in cells})


def published_document(rows: Sequence[Beside]) -> dict[str, Any]:
    """The same for ``--json``."""
    from refbench.reports.published import contradictions

    return {
        "published": list(rows),
        "contradictions": list(contradictions(row.published for row in rows)),
    }


def print_published(output: Output, rows: Sequence[Beside]) -> None:
    """A table, then how to read it and where sources contradict each other."""
    from refbench.reports.published import contradictions
    from refbench.reports.report_grids import published_grid

    if not rows:
        output.line("published numbers: none are known for these methods on these datasets")
        return
    grid = published_grid(rows, contradictions(row.published for row in rows))
    print_table(output, grid.header, [[field.text for field in row] for row in grid.rows], grid.title)
    for note in grid.notes:
        output.line(note)
