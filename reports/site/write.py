"""Writes the leaderboard: pages, style, script, images and data, into one folder that any server can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment

from refbench import __version__
from refbench.errors import UserError
from refbench.registry import Registry
from refbench.results.cells import FinishedCells
from refbench.results.provenance import commands_of
from refbench.results.record import CellRecord
from refbench.specs import DatasetSpec, MethodSpec

from ..template import asset, environment
from ..html.view import COSTS
from ..published import Published, all_published
from ..files import put
from .data import csv_text, json_document
from .entries import result_columns, result_rows, score_tables
from .pictures import Pictures
from .places import dataset_page, known_methods, method_key, method_page, suite_page

OWN = "refbench.reports.site"
TEMPLATES = ("base", "index", "scores", "method")
MARK = "refbench-site"
"""First line of the file that tells a site from a folder of somebody's."""


@dataclass(frozen=True)
class Site:
    """What was written."""

    out: Path
    pages: int
    images: int
    cells: int
    problems: tuple[str, ...]


def write_site(
    stored: FinishedCells,
    out: Path,
    *,
    title: str = "refbench leaderboard",
    samples: int = 3,
    note: Callable[[str], None] = lambda line: None,
) -> Site:
    """Write the site of ``stored`` into ``out``; pages of an earlier site are removed.

    samples: most images of each section that are copied. Raises UserError where ``out`` holds something that
    is not a site, and where it cannot be written.
    """
    _take_over(out)
    for name, text in _assets().items():
        put(out, name, text)
    pictures = Pictures(out, samples, note)
    env = _environment()
    cells = stored.cells
    suites = _by(cells, lambda cell: cell.suite or "unnamed")
    datasets = _by(cells, lambda cell: cell.dataset)
    methods = _by(cells, method_key)
    names = {entry.name: entry.spec for entry in Registry.discover().entries("datasets")}
    published = _published(cells)
    pages: dict[str, str] = {}

    def page(address: str, template: str, **values: Any) -> None:
        root = "../" if "/" in address else ""
        pages[address] = env.get_template(template).render(
            version=__version__, site=title, root=root, **values
        )

    made: dict[tuple[int, ...], list[dict[str, Any]]] = {}

    def tables_of(some: Sequence[CellRecord]) -> list[dict[str, Any]]:
        # a dataset that one suite alone uses has that suite's tables
        key = tuple(map(id, some))
        if key not in made:
            made[key] = score_tables(some, "../", published)
            _with_pictures(made[key], pictures)
        return made[key]

    for suite, own in suites.items():
        tables = score_tables(own, "../", published)
        _with_pictures(tables, pictures)
        facts = _suite_facts(own)
        page(suite_page(suite), "scores", kind="suite", name=suite, facts=facts, tables=tables)
    for dataset, own in datasets.items():
        spec = names.get(dataset)
        facts = _dataset_facts(spec if isinstance(spec, DatasetSpec) else None, own)
        tables = tables_of(own)
        page(dataset_page(dataset), "scores", kind="dataset", name=dataset, facts=facts, tables=tables)
    addresses = {suite: "../" + suite_page(suite) for suite in suites}
    for method, own in methods.items():
        specs = result_columns(own)
        page(
            method_page(own[0]),
            "method",
            name=method,
            facts=_method_facts(known_methods().get(own[0].method), own),
            specs=specs,
            costs=list(COSTS),
            rows=result_rows(own, specs, addresses),
            commands=list(dict.fromkeys(c for cell in own for c in commands_of(cell.manifest))),
        )
    page(
        "index.html",
        "index",
        suites=[_entry(name, suite_page(name), own) for name, own in suites.items()],
        datasets=[_entry(name, dataset_page(name), own) for name, own in datasets.items()],
        methods=[_entry(name, method_page(own[0]), own) for name, own in sorted(methods.items())],
        cells=len(cells),
        problems=stored.problems,
    )
    for name, text in pages.items():
        put(out, name, text)
    put(out, "data.json", json_document(stored, published))
    put(out, "data.csv", csv_text(cells, published))
    _remove_stale(out, pages)
    return Site(out, len(pages), len(pictures), len(cells), stored.problems)


def _assets() -> dict[str, str]:
    return {
        # GitHub Pages would pass the folder through Jekyll
        ".nojekyll": f"{MARK}\n",
        "assets/style.css": asset("style.css") + asset("print.css") + asset("site.css", OWN),
        "assets/table.js": asset("table.js"),
        "assets/site.js": asset("site.js", OWN),
    }


def _environment() -> Environment:
    env = environment()
    env.loader = DictLoader({name: asset(f"{name}.html.j2", OWN) for name in TEMPLATES})
    return env


def _take_over(out: Path) -> None:
    """A site replaces a site; a folder of something else is left alone."""
    if out.is_file():
        raise UserError(f"out={out}: is a file; name a folder for the site")
    if out.is_dir() and any(out.iterdir()) and not _is_site(out):
        raise UserError(f"out={out}: holds something that is not a site of refbench; name an empty folder")


def _is_site(out: Path) -> bool:
    mark = out / ".nojekyll"
    return mark.is_file() and not mark.is_symlink() and mark.read_bytes()[:64].startswith(MARK.encode())


def _remove_stale(out: Path, pages: Mapping[str, str]) -> None:
    for folder in ("suites", "datasets", "methods"):
        for path in (out / folder).glob("*.html"):
            if f"{folder}/{path.name}" not in pages:
                path.unlink()


def _by(cells: Sequence[CellRecord], name: Callable[[CellRecord], str]) -> dict[str, list[CellRecord]]:
    found: dict[str, list[CellRecord]] = {}
    for cell in cells:
        found.setdefault(name(cell), []).append(cell)
    return found


def _with_pictures(tables: Sequence[dict[str, Any]], pictures: Pictures) -> None:
    for table in tables:
        for section in table["sections"]:
            section["strips"] = pictures.strips(section.pop("cells"))


def _published(cells: Sequence[CellRecord]) -> list[Published]:
    datasets = {cell.dataset for cell in cells}
    return [
        p for p in all_published(Registry.discover()) if p.dataset_id in datasets and p.degradation != "other"
    ]


def _entry(name: str, address: str, cells: Sequence[CellRecord]) -> dict[str, Any]:
    audits: dict[str, int] = {}
    for cell in cells:
        audits[cell.audit or "self-reported"] = audits.get(cell.audit or "self-reported", 0) + 1
    return {
        "name": name,
        "address": address,
        "cells": len(cells),
        "methods": len({cell.method_label for cell in cells}),
        "protocols": len({cell.protocol for cell in cells}),
        "datasets": ", ".join(dict.fromkeys(cell.dataset_label for cell in cells)),
        "audits": ", ".join(f"{count} {verdict}" for verdict, count in sorted(audits.items())),
    }


def _suite_facts(cells: Sequence[CellRecord]) -> list[tuple[str, str]]:
    suite = cells[0].manifest.config.get("suite")
    title = suite.get("title") if isinstance(suite, Mapping) else ""
    return _known(
        ("about", title),
        ("dataset", ", ".join(dict.fromkeys(cell.dataset_label for cell in cells))),
        ("protocols", len({cell.protocol for cell in cells})),
    )


def _dataset_facts(spec: DatasetSpec | None, cells: Sequence[CellRecord]) -> list[tuple[str, str]]:
    prints = dict.fromkeys(
        f"{str(cell.compare_key.get('dataset'))[:12]} ({cell.dataset_label})" for cell in cells
    )
    if spec is None:
        return _known(("fingerprints", ", ".join(prints)), ("known here", "no"))
    return _known(
        ("title", spec.title),
        ("samples", spec.count),
        ("layout", spec.layout),
        ("source", spec.source),
        ("licence", spec.licence),
        ("fingerprints", ", ".join(prints)),
    )


def _method_facts(spec: MethodSpec | None, cells: Sequence[CellRecord]) -> list[tuple[str, str]]:
    hashes: dict[str, None] = {}
    for cell in cells:
        for file in cell.manifest.weights_files:
            hashes[
                f"{cell.weights or file.get('name')}: {str(file.get('sha256'))[:12]} ({file.get('licence')})"
            ] = None
    parameters = dict.fromkeys(
        f"{cell.work['parameters']:,.0f}" for cell in cells if cell.work.get("parameters")
    )
    measured = [("weights", ", ".join(hashes)), ("parameters", ", ".join(parameters))]
    if spec is None:
        return _known(("known here", "no: a plugin or somebody's own function"), *measured)
    references = "none" if not spec.max_refs else f"{spec.min_refs} to {spec.max_refs}"
    return _known(
        ("title", spec.title),
        ("paper", spec.paper),
        ("licence", spec.licence),
        ("references", references),
        *measured,
    )


def _known(*facts: tuple[str, object]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in facts if value not in (None, "")]
