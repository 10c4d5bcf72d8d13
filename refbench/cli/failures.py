"""The failed trials of a run, for people: which, why, after how many tries, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.results.record import CellRecord

SHOWN = 10
"""Failed trials that the end of a run spells out; the rest are counted."""


def show_failures(cells: Sequence[CellRecord], output: Output) -> None:
    """A line for each of the first ten error rows, and that the same command tries them again."""
    found = [(cell, failure) for cell in cells for failure in cell.failures]
    for cell, f in found[:SHOWN]:
        tries = f"{f['attempts']} {'try' if f['attempts'] == 1 else 'tries'}"
        output.line(
            f"failed  {f['sample_id']} draw {f['draw']} of {cell.method_label} · {cell.protocol}: "
            f"{f['error']} ({f['error_kind']}, {tries})"
        )
    if len(found) > SHOWN:
        output.line(f"failed  and {len(found) - SHOWN} more")
    if found:
        output.line("        recorded as error rows; the same command tries them again")
