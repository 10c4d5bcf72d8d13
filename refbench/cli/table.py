"""Plain tables: aligned columns in a pipe, ruled by rich on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from refbench.cli.output import Output
from refbench.untrusted.escape import terminal_text


def print_table(
    output: Output, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = ""
) -> None:
    """Print rows under column names. Cell texts are data: they are never read as markup."""
    if output.terminal:
        _ruled(columns, rows, title)
        return
    if title:
        output.line(title)
    for line in aligned([[c.upper() for c in columns], *rows]):
        output.line(line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, columns padded to their widest cell, no blanks at the end."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _ruled(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(terminal_text(cell)) for cell in row))
    Console().print(table)
