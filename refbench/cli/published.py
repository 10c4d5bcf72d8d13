"""``--published``: what others reported for the methods of a run, next to what was measured here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from refbench.cli.table import print_table

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.reports.published import SideBySide
    from refbench.results.record import CellRecord


def published_side_by_side(cells: Sequence[CellRecord]) -> tuple[SideBySide, ...]:
    """The published numbers of the methods in ``cells`` on their datasets; never ranked with them."""
    from refbench.reports.published import of_methods, side_by_side

    return of_methods(side_by_side(cells), {cell.method for cell in cells})


def published_document(rows: Sequence[SideBySide]) -> dict[str, Any]:
    """The same for ``--json``."""
    from refbench.reports.published import contradictions

    return {
        "published": list(rows),
        "contradictions": list(contradictions(row.published for row in rows)),
    }


def print_published(output: Output, cells: Sequence[CellRecord], asked: str = "own") -> None:
    """A table, then how to read it and where sources contradict each other.

    asked: ``own``: numbers of the cells' methods; where there are none, or with ``all``, the literature's
    table with the measured methods beneath.
    """
    from refbench.reports.literature import literature_grid
    from refbench.reports.published import contradictions
    from refbench.reports.report_grids import published_grid
    from refbench.reports.table import comparison_table

    rows = published_side_by_side(cells) if asked == "own" else ()
    if asked == "own" and not rows:
        output.line("published numbers: none are known for these methods on these datasets")
    grid = (
        published_grid(rows, contradictions(row.published for row in rows))
        if rows
        else literature_grid([comparison_table(cells)], cells)
    )
    if len(grid.rows) == len(cells) and not rows:
        # nothing of the literature either: the measured numbers stand above already
        return
    print_table(output, grid.header, [[field.text for field in row] for row in grid.rows], grid.title)
    for note in grid.notes:
        output.line(note)
