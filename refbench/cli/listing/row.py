"""What a listing is made of: cells for people and a document for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from refbench.registry import Entry


@dataclass(frozen=True)
class Row:
    """One thing in a listing."""

    cells: tuple[str, ...]
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """Things of one kind."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Details:
    """Everything about one thing."""

    heading: str
    document: Mapping[str, Any]
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]]]] = field(default=())
    """(title, columns, rows)."""
    prose: Sequence[str] = ()


def broken(entry: Entry, columns: int) -> Row:
    """A plugin that could not be read: its name, the reason, and where it comes from."""
    text = f"broken: {entry.error}"
    cells = (entry.name, text, *("-" for _ in range(columns - 3)), entry.source)
    return Row(cells, {"name": entry.name, "source": entry.source, "error": entry.error})


def dash(text: object) -> str:
    """A cell that is never empty."""
    return "-" if text is None or text == "" else str(text)
