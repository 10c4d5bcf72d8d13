"""Which columns a comparison table has on paper and on the page: LaTeX and HTML share the choice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from .table_model import Entry, Table


def shown_columns(table: Table, entries: Sequence[Entry]) -> list[tuple[int, str]]:
    """(column, what) for every metric that has a value: its mean, then delta and drop where there are any."""
    found: list[tuple[int, str]] = []
    for k in range(len(table.columns)):
        scores = [entry.scores[k] for entry in entries]
        if not any(s.summary is not None and s.summary.mean is not None for s in scores):
            continue
        found.append((k, "value"))
        found += [(k, "delta")] * any(s.delta is not None for s in scores)
        found += [(k, "drop")] * any(s.drop is not None for s in scores)
    return found


def widths(columns: Sequence[tuple[int, str]]) -> list[tuple[int, int]]:
    """(metric column, how many of ``columns`` are its own), in order."""
    return [(k, len(list(own))) for k, own in groupby(columns, key=itemgetter(0))]
