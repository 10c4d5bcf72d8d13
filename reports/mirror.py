"""The report as files for a tracking server: every format, with fewer pictures than on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refbench.results.cells import load_cells

from .figures import write_figures
from .html.page import write_page
from .report import build_report
from .write import write_text_formats

FORMATS = ("md", "csv", "latex", "json", "parquet")
SAMPLES = 12
"""Trials per dataset in the gallery."""


def write_mirror_report(runs: Sequence[Path], folder: Path) -> None:
    """Write the report of finished run folders into ``folder``: tables, rows, page and figures.

    Raises UserError when there are no rows.
    """
    report = build_report(load_cells(runs))
    write_text_formats(report, FORMATS, folder)
    write_figures(report, folder / "figures", ("png", "svg"))
    write_page(report, folder, samples=SAMPLES)
