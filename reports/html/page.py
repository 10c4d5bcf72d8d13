"""Writes the page: one file without any outside request, and a folder of pictures where they are many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from refbench import __version__
from refbench.registry import Registry
from refbench.results.provenance import commands
from refbench.results.trials import TrialImages

from ..files import put
from ..report import Report
from ..template import asset, environment, own_markup
from .carriers import Pictures
from .gallery import Gallery, make_gallery
from .summary import summary
from .view import RUN_COLUMNS, choices, extreme_rows, questions, runs, switched

PAGE, PICTURES = "report.html", "report_images"
SCRIPTS = ("table", "state", "filters", "measures", "pictures", "stage", "crop", "viewer")
STYLES = ("style", "viewer", "print")


def write_page(
    report: Report,
    folder: Path,
    *,
    samples: int = 48,
    data_root: str | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write ``folder/report.html``; returns the files and folders written.

    samples: most trials per dataset in the gallery. data_root: where the dataset is, if it has moved.
    note: gets one line for each reason why pictures are missing. Raises UserError when it cannot write.
    """
    images = TrialImages(Registry.discover(), data_root)
    pictures = Pictures(folder, PICTURES)
    gallery = make_gallery(report.cells, switched(report), images, samples, pictures, folder)
    for problem in gallery.problems:
        note(f"gallery: {problem}")
    page = put(folder, PAGE, render_page(report, gallery, pictures.addresses()))
    return [page, *pictures.files()]


def render_page(report: Report, gallery: Gallery, addresses: dict[str, str]) -> str:
    """The page's text. Every name in it is data from outside and is escaped."""
    return (
        environment()
        .from_string(asset("page.html.j2"))
        .render(
            version=__version__,
            style=own_markup("".join(asset(f"{name}.css") for name in STYLES)),
            script=own_markup("".join(asset(f"{name}.js") for name in SCRIPTS)),
            metric=report.metric.title or report.metric.alias,
            unit=report.metric.unit,
            first=summary(report),
            questions=questions(report),
            scored=[spec.title or spec.alias for spec in switched(report)],
            has_files=any(not address.startswith("data:") for address in addresses.values()),
            extremes=extreme_rows(report, gallery.entries),
            entries=[{**e, "number": k} for k, e in enumerate(gallery.entries)],
            addresses=addresses,
            shown=len(gallery.entries),
            total=gallery.total,
            bare=gallery.bare,
            problems=[*report.stored.problems, *gallery.problems],
            runs=runs(report),
            run_columns=RUN_COLUMNS,
            commands=commands(report.cells),
            **choices(report),
        )
    )
