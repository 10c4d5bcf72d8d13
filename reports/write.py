"""Writes a report in the formats asked for into one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from refbench.config.report_keys import FORMATS
from refbench.errors import UserError, unknown
from refbench.registry import Registry

from .files import put
from .options import PrintOptions
from .report import Report
from .selection import Names


def write_report(
    report: Report,
    formats: Sequence[str],
    folder: Path,
    *,
    options: PrintOptions | None = None,
    samples: int = 48,
    data_root: str | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write every format asked for into ``folder``; returns the files that a person opens.

    options: of paper, crops and figures. samples: most samples per dataset in the page's gallery.
    data_root: where the dataset is now. Raises UserError for an unknown format, for none, and where the
    folder cannot be written.
    """
    check_formats(formats)
    options = options or PrintOptions()
    written = write_text_formats(report, formats, folder, options, note)
    if "crops" in formats:
        from .crops.write import write_crops

        written += write_crops(report, folder / "crops", options, data_root, note)
    if "figures" in formats:
        from .figures import write_figures

        names = Names(Registry.discover(), options.selection.names)
        shown = {cell.method_label: names.method(cell) for cell in report.cells}
        written += write_figures(report, folder / "figures", style=options.style, names=shown)
    if "study" in formats:
        written += _study(report, folder, options, data_root, note)
    if "html" in formats:
        from .html.page import write_page

        written += write_page(report, folder, samples=samples, data_root=data_root, note=note)
    return written


def _study(
    report: Report,
    folder: Path,
    options: PrintOptions,
    data_root: str | None,
    note: Callable[[str], None],
) -> list[Path]:
    if options.study.answers:
        from .study.results import write_results

        return write_results(folder, options.study.answers, note)
    from .study.write import write_study

    return write_study(report.cells, folder, options.study, data_root, note)


def check_formats(formats: Sequence[str]) -> None:
    """Raises UserError for an unknown format, and for none."""
    for name in formats:
        if name not in FORMATS:
            raise unknown("report format", name, FORMATS)
    if not formats:
        raise UserError(f"format= is empty; name at least one of {', '.join(FORMATS)}")


def write_text_formats(
    report: Report,
    formats: Sequence[str],
    folder: Path,
    options: PrintOptions | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write md, latex, paper, csv, json and parquet as asked; returns the files, in a fixed order."""
    return [put(folder, file, text) for file, text in text_files(report, formats, options, note).items()]


def text_files(
    report: Report,
    formats: Sequence[str],
    options: PrintOptions | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> dict[str, str | bytes]:
    """File name (with ``/``) -> content of md, latex, paper, csv, json and parquet, as asked."""
    makers: Mapping[str, Callable[[Report], Mapping[str, str | bytes]]] = {
        "md": _markdown, "csv": _csv, "json": _json, "parquet": _parquet
    }  # fmt: skip
    found: dict[str, str | bytes] = {}
    if "latex" in formats or "paper" in formats:
        from .paper.write import tex_files

        files = tex_files(report, formats, options or PrintOptions(), note)
        found |= {f"latex/{name}": text for name, text in files.items()}
    for name, make in makers.items():
        if name in formats:
            found |= make(report)
    return found


def _markdown(report: Report) -> dict[str, str]:
    from .document import markdown_page

    return {"report.md": markdown_page(report)}


def _csv(report: Report) -> dict[str, str]:
    from .flat_csv import csv_files, per_image_csv

    files = {f"csv/{name}": text for name, text in csv_files(report).items()}
    return {**files, "csv/per_image.csv": per_image_csv(report.cells)}


def _json(report: Report) -> dict[str, str]:
    from .document import json_text

    return {"report.json": json_text(report)}


def _parquet(report: Report) -> dict[str, bytes]:
    from refbench.store.frame import parquet_bytes

    from .provenance import provenance_row

    cells = [cell for cell in report.cells if cell.run is not None]
    facts = [{f"provenance.{k}": v for k, v in provenance_row(cell).items()} for cell in cells]
    return {"rows.parquet": parquet_bytes([cell.run for cell in cells if cell.run], facts)}
