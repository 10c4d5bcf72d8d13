"""The report as LaTeX: booktabs tables to ``\\input``, and a document that compiles as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .flat_csv import slug
from .grid_model import Grid
from .latex_text import latex_note, latex_text
from .latex_width import fit
from .report import Report
from .table_columns import shown_columns, widths
from .table_model import Entry, Score, Section, Table
from .table_notes import MARKS
from .table_numbers import difference_text, interval_text, mean_text

FRAGMENT, DOCUMENT = "tables.tex", "tables_document.tex"
ROWS_PER_TABLE = 30
"""Rows of one float; longer tables go on in the next one."""
ROOM = 755.0
"""Points of a line of the document: A4 across with margins of 15 mm."""
_CELLS = re.compile(r"(?<!\\) & ")

_PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{textcomp}
\usepackage{booktabs}
\usepackage{array}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\setcounter{totalnumber}{20}
\renewcommand{\floatpagefraction}{0.9}
\begin{document}
\input{tables}
\end{document}
"""


def latex_files(report: Report) -> dict[str, str]:
    """File name -> text: the tables, and a document that inputs them from its own folder."""
    parts = ["% made by refbench report; needs \\usepackage[T1]{fontenc}, textcomp, booktabs and array\n"]
    labels = _Labels()
    for _, table in report.tables:
        parts += _comparison(table, labels)
    for grid in report.grids():
        parts += _grid(grid, labels)
    return {FRAGMENT: "\n".join(parts), DOCUMENT: _PREAMBLE}


class _Labels:
    """``tab:refbench-...`` after the title of each table, each once."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def of(self, title: str) -> str:
        name = slug(title).lower()
        self._taken[name] = self._taken.get(name, 0) + 1
        count = self._taken[name]
        return f"tab:refbench-{name}" + (f"-{count}" if count > 1 else "")


def _comparison(table: Table, labels: _Labels) -> list[str]:
    """The table, in as many parts as its metrics need to stay legible; the notes stand below the last."""
    entries = [entry for section in table.sections for entry in section.entries]
    parts = _parts(table, shown_columns(table, entries))
    notes = [f"[{k}] {note}" for k, note in enumerate(table.notes, start=1)]
    notes += [line.replace(MARKS, "bold: best, underlined: second") for line in table.footer]
    lines: list[str] = []
    for number, columns in enumerate(parts, start=1):
        shown = dict.fromkeys(table.columns[k].title or table.columns[k].alias for k, _ in columns)
        title = table.title + (f" ({', '.join(shown)})" if len(parts) > 1 else "")
        header, above = _head(table, columns)
        blocks = [_section(table, section, columns, len(header)) for section in table.sections]
        own = notes if number == len(parts) else []
        lines += _floats(title, labels.of(title), "l" + "r" * (len(header) - 1), header, blocks, own, above)
    return lines


def _parts(table: Table, columns: Sequence[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """Groups of whole metrics that fit side by side in the smallest letters."""
    parts: list[list[tuple[int, str]]] = [[]]
    for metric, _ in widths(columns):
        own = [column for column in columns if column[0] == metric]
        if parts[-1] and _needed(table, [*parts[-1], *own]) > ROOM:
            parts.append([])
        parts[-1] += own
    return parts


def _needed(table: Table, columns: Sequence[tuple[int, str]]) -> float:
    header, _ = _head(table, columns)
    rows = [_row(table, entry, columns) for section in table.sections for entry in section.entries]
    return fit("l" + "r" * (len(header) - 1), [header, *rows], ROOM).needed


def _head(table: Table, columns: Sequence[tuple[int, str]]) -> tuple[list[str], list[str]]:
    """(the header, the lines above it that name metrics with several columns)."""
    names = {"value": "mean", "delta": latex_text(f"vs {table.baseline or 'baseline'}"), "drop": "drop"}
    groups, rules, header, at = ["", ""], [], ["method", "$n$"], 3
    for k, own in widths(columns):
        # a metric with one column needs no second line
        if own == 1:
            groups.append("")
            header.append(_metric(table, k))
        else:
            groups.append(rf"\multicolumn{{{own}}}{{c}}{{{_metric(table, k)}}}")
            rules.append(rf"\cmidrule(lr){{{at}-{at + own - 1}}}")
            header += [names[kind] for column, kind in columns if column == k]
        at += own
    return header, [" & ".join(groups) + r" \\", "".join(rules)] if rules else []


def _metric(table: Table, column: int) -> str:
    spec = table.columns[column]
    unit = f" / {spec.unit}" if spec.unit else ""
    return latex_text(f"{spec.title or spec.alias}{unit}") + (
        "" if spec.higher_is_better else r" $\downarrow$"
    )


def _section(table: Table, section: Section, columns: Sequence[tuple[int, str]], width: int) -> list[str]:
    control = " (control)" if section.control else ""
    title = latex_text(f"{section.dataset_label}, {section.protocol}{control}")
    lines = [rf"\multicolumn{{{width}}}{{l}}{{\textit{{{title}}}}} \\"]
    return [*lines, *(" & ".join(_row(table, entry, columns)) + r" \\" for entry in section.entries)]


def _row(table: Table, entry: Entry, columns: Sequence[tuple[int, str]]) -> list[str]:
    cells = [latex_text(entry.cell.method_label), str(entry.cell.n)]
    return cells + [_value(table, entry.scores[k], k, kind) for k, kind in columns]


def _value(table: Table, score: Score, column: int, kind: str) -> str:
    spec = table.columns[column]
    if kind != "value":
        mean, interval = difference_text(score.delta if kind == "delta" else score.drop, spec)
        return _with_interval(latex_text(mean), interval)
    mean = latex_text(mean_text(score, spec).replace("*", "").replace("'", ""))
    if score.mark:
        mean = rf"\textbf{{{mean}}}" if score.mark == "best" else rf"\underline{{{mean}}}"
    return _with_interval(mean, interval_text(score, spec))


def _with_interval(mean: str, interval: str) -> str:
    return mean if not interval else rf"{mean} {{\scriptsize {latex_text(interval)}}}"


def _grid(grid: Grid, labels: _Labels) -> list[str]:
    header = [latex_text(name) for name in grid.header]
    rows = [" & ".join(latex_text(field.text) for field in row) + r" \\" for row in grid.rows]
    columns = "".join("r" if right else "l" for right in grid.numeric)
    return _floats(grid.title, labels.of(grid.title), columns, header, [rows], grid.notes)


def _floats(
    title: str,
    label: str,
    columns: str,
    header: Sequence[str],
    blocks: Sequence[Sequence[str]],
    notes: Sequence[str],
    above: Sequence[str] = (),
) -> list[str]:
    """Blocks of rows as table floats of at most ROWS_PER_TABLE rows; the notes stand below the last one.

    above: finished lines over the header, e.g. the names of groups of columns.
    """
    cells = [_CELLS.split(row.removesuffix(r" \\")) for block in blocks for row in block]
    rows = [row for row in cells if len(row) == len(columns)]
    found = fit(columns, [header, *rows], ROOM)
    pages: list[list[str]] = [[]]
    for block in blocks:
        for start in range(0, len(block), ROWS_PER_TABLE):
            piece = list(block[start : start + ROWS_PER_TABLE])
            if pages[-1] and len(pages[-1]) + len(piece) > ROWS_PER_TABLE:
                pages.append([])
            pages[-1] += ([r"\addlinespace"] if pages[-1] else []) + piece
    lines: list[str] = []
    for number, page in enumerate(pages):
        caption = latex_text(title) + (" (continued)" if number else "")
        lines += [
            r"\begin{table}[!htbp]",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{{label}{f'-{number + 1}' if number else ''}}}\vspace{{3pt}}",
            found.setting,
            rf"\begin{{tabular}}{{@{{}}{''.join(found.columns)}@{{}}}}",
            r"\toprule",
            *above,
            " & ".join(header) + r" \\",
            r"\midrule",
            *page,
            r"\bottomrule",
            r"\end{tabular}",
        ]
        if number == len(pages) - 1 and notes:
            text = r"\par ".join(latex_note(note) for note in notes)
            lines += [
                r"",
                r"\smallskip",
                rf"\begin{{minipage}}{{\linewidth}}\raggedright\scriptsize {text}\end{{minipage}}",
            ]
        lines += [r"\end{table}", ""]
    return lines
