"""Where the rows of a report come from, as a table: run keys, weights, data, versions, machine, audit."""

from __future__ import annotations

from collections.abc import Sequence

from refbench.results.provenance import COLUMNS, commands, commands_of, provenance_of
from refbench.results.record import CellRecord

from .grid_model import Grid, texts

PLACE = ("dataset_label", "protocol", "seed", "method")
PROVENANCE = (*PLACE, *COLUMNS, "command")
"""Columns of :func:`provenance_rows`."""


def provenance_row(cell: CellRecord) -> dict[str, str]:
    """The provenance of one cell by field, with the command lines that ask for it again."""
    return {**provenance_of(cell).json(), "command": "; ".join(commands_of(cell.manifest))}


def provenance_rows(cells: Sequence[CellRecord]) -> list[dict[str, str]]:
    """One row per cell: its place in the tables, then :func:`provenance_row`."""
    return [
        {
            "dataset_label": cell.dataset_label,
            "protocol": cell.protocol,
            "seed": str(cell.seed),
            "method": cell.method_label,
            **provenance_row(cell),
        }
        for cell in cells
        if cell.run is not None
    ]


def provenance_grid(cells: Sequence[CellRecord]) -> Grid:
    """The same as a table for people; the command lines stand below it, each once."""
    known = [cell for cell in cells if cell.run is not None]
    rows = tuple(
        texts(
            cell.dataset_label, cell.protocol, cell.method_label, *provenance_of(cell).json().values()
        )
        for cell in known
    )  # fmt: skip
    header = ("dataset", "protocol", "method", *COLUMNS.values())
    return Grid("Provenance", header, rows, tuple(f"again: {command}" for command in commands(known)))
