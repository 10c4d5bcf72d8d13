"""Which columns a table of limited width has: LaTeX and HTML share the choice."""

from __future__ import annotations

from collections.abc import Sequence

from .table_model import Entry, Table


def narrow_columns(table: Table, entries: Sequence[Entry]) -> list[tuple[int, str]]:
    """(column, what) for columns with a value; the delta and drop of the first metric only, for width."""
    found: list[tuple[int, str]] = []
    for k in range(len(table.columns)):
        scores = [entry.scores[k] for entry in entries]
        if not any(s.summary is not None and s.summary.mean is not None for s in scores):
            continue
        first = not found
        found.append((k, "value"))
        if first:
            found += [(k, "delta")] * any(s.delta is not None for s in scores)
            found += [(k, "drop")] * any(s.drop is not None for s in scores)
    return found
