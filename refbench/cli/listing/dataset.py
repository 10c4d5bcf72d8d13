"""Datasets: how many samples a complete copy has, whether a folder is needed, licence."""

from __future__ import annotations

from typing import Any

from refbench.cli.listing.row import Details, Listing, Row, broken, dash
from refbench.registry import Registry
from refbench.specs import DatasetSpec

COLUMNS = ("dataset", "samples", "data", "licence", "title", "source")


def dataset_rows(registry: Registry) -> Listing:
    """Every dataset family; a broken one says why."""
    rows = []
    for entry in registry.entries("datasets"):
        if not isinstance(entry.spec, DatasetSpec):
            rows.append(broken(entry, len(COLUMNS)))
            continue
        spec = entry.spec
        cells = (
            spec.name,
            "any" if spec.count is None else str(spec.count),
            needs(spec),
            dash(spec.licence),
            dash(spec.title),
            entry.source,
        )
        rows.append(Row(cells, _document(spec, entry.source)))
    return Listing(COLUMNS, tuple(rows))


def dataset_details(registry: Registry, name: str) -> Details:
    """One dataset."""
    spec = registry.dataset(name)
    source = next(e.source for e in registry.entries("datasets") if e.spec is spec)
    facts = [
        ("samples", "any number" if spec.count is None else str(spec.count)),
        ("data", needs(spec)),
        ("layout", dash(spec.layout)),
        ("where to get it", dash(spec.source)),
        ("licence", dash(spec.licence)),
        ("paper", dash(spec.paper)),
        ("source", source),
    ]
    return Details(f"{spec.name}: {spec.title or spec.name}", _document(spec, source), facts)


def needs(spec: DatasetSpec) -> str:
    """What the user must give."""
    if spec.embedded:
        return f"{spec.embedded} (bundled), or data.root="
    if spec.needs_root:
        return "needs data.root="
    return "-" if spec.count is None else "bundled"


def _document(spec: DatasetSpec, source: str) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "source": source,
        "count": spec.count,
        "needs_root": spec.needs_root,
        "embedded": spec.embedded,
        "layout": spec.layout,
        "where": spec.source,
        "licence": spec.licence,
        "paper": spec.paper,
    }
