"""Writes the files for a paper below ``latex/``, and ``refs.bib`` with what they cite."""

from __future__ import annotations

from collections.abc import Callable

from refbench.registry import Registry

from ..options import PrintOptions
from ..report import Report
from ..selection import Names
from .citations import Bibliography
from .model import paper_table
from .table_tex import table_tex

TABLE, DOCUMENT, BIB = "paper.tex", "paper_document.tex", "refs.bib"
_PREAMBLE = r"""% a page in two columns as wide as CVPR's, to look at the table
\documentclass[10pt,twocolumn,letterpaper]{article}
\usepackage[T1]{fontenc}
\usepackage{mathptmx}
\usepackage{textcomp}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{url}
\usepackage[letterpaper,textwidth=6.875in,textheight=8.875in,columnsep=0.3125in]{geometry}
\begin{document}
\input{paper}
See Table~\ref{tab:refbench}.
{\small\bibliographystyle{plain}\bibliography{refs}}
\end{document}
"""


def paper_files(
    report: Report, options: PrintOptions, note: Callable[[str], None] = lambda line: None
) -> dict[str, str]:
    """File name -> text. Raises UserError for a metric, method or dataset that is not there."""
    registry = Registry.discover()
    names, cites = Names(registry, options.selection.names), Bibliography(registry)
    table = paper_table(report.cells, options, names, cites, registry)
    text, notes = table_tex(table, options, cites)
    for line in notes:
        note(line)
    return {
        TABLE: "% made by refbench report format=paper; needs booktabs\n" + text,
        DOCUMENT: _PREAMBLE,
        BIB: cites.bib([text]),
    }
