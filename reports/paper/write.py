"""Writes the files for a paper below ``latex/``, and ``refs.bib`` with what they cite."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from refbench.registry import Registry
from refbench.results.provenance import lines as provenance_lines
from refbench.results.record import CellRecord

from ..latex import latex_files
from ..latex_text import latex_note
from ..options import PrintOptions
from ..report import Report
from ..selection import Names
from .appendix import appendix_tex
from .citations import Bibliography
from .model import paper_table
from .numbers import numbers_tex
from .table_tex import table_tex

TABLE, DOCUMENT, BIB = "paper.tex", "paper_document.tex", "refs.bib"
NUMBERS, APPENDIX, PROVENANCE = "numbers.tex", "appendix.tex", "provenance.tex"
_PREAMBLE = r"""% a page in two columns as wide as CVPR's, to look at the table
\documentclass[10pt,twocolumn,letterpaper]{article}
\usepackage[T1]{fontenc}
\usepackage{mathptmx}
\IfFileExists{courier.sty}{\usepackage{courier}}{}
\usepackage{textcomp}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{url}
\usepackage[letterpaper,textwidth=6.875in,textheight=8.875in,columnsep=0.3125in]{geometry}
\begin{document}
\input{numbers}
\input{paper}
See Table~\ref{tab:refbench}.
\appendix
\section{Evaluation}
\input{appendix}
\subsection*{Provenance}
\input{provenance}
{\small\bibliographystyle{plain}\bibliography{refs}}
\end{document}
"""


def tex_files(
    report: Report,
    formats: Collection[str],
    options: PrintOptions,
    note: Callable[[str], None] = lambda line: None,
) -> dict[str, str]:
    """File name -> text of ``latex`` (every table) and ``paper`` (the one that is printed), as asked.

    With either come ``numbers.tex``, ``provenance.tex``, ``appendix.tex``, and ``refs.bib`` with what all of
    these cite. Raises UserError for a metric, method, dataset or protocol that is not there.
    """
    registry = Registry.discover()
    names, cites = Names(registry, options.selection.names), Bibliography(registry)
    files: dict[str, str] = {}
    cells: Sequence[CellRecord] = report.cells
    tables = [table for _, table in report.tables]
    if "latex" in formats:
        files |= latex_files(report)
    if "paper" in formats:
        table = paper_table(report.cells, options, names, cites, registry)
        text, notes = table_tex(table, options, cites)
        for line in notes:
            note(line)
        files[TABLE] = "% made by refbench report format=paper; needs booktabs\n" + text
        files[DOCUMENT] = _PREAMBLE
        if "latex" not in formats:
            cells, tables = table.cells, [table.comparison]
    files[NUMBERS] = numbers_tex(report)
    files[PROVENANCE] = provenance_tex(cells)
    files[APPENDIX] = appendix_tex(tables, cells, names, cites)
    files[BIB] = cites.bib(files.values())
    return files


def provenance_tex(cells: Sequence[CellRecord]) -> str:
    """Where each row comes from, as a list to ``\\input``: what all share, each method, the command lines."""
    items = [latex_note(text) for text in provenance_lines(cells)] or ["not recorded"]
    return "\n".join(
        [
            "% made by refbench report: the provenance of every number; needs \\usepackage[T1]{fontenc}",
            r"\begin{itemize}\footnotesize\raggedright",
            *(rf"\item {text}" for text in items),
            r"\end{itemize}",
            "",
        ]
    )
