"""Metrics: alias, signature, direction, licence."""

from __future__ import annotations

from typing import Any

from refbench.cli.listing.row import Details, Listing, Row, broken, dash
from refbench.metrics.catalog import MetricCatalog
from refbench.registry import BUILT_IN, Registry
from refbench.specs import MetricSpec

COLUMNS = ("metric", "signature", "better", "unit", "licence", "source")


def metric_rows(registry: Registry) -> Listing:
    """Every metric that has a name of its own; ``pyiqa:NAME`` works as well."""
    rows = []
    for entry in registry.entries("metrics"):
        if not isinstance(entry.spec, MetricSpec):
            rows.append(broken(entry, len(COLUMNS)))
            continue
        spec = entry.spec
        cells = (spec.alias, spec.signature, better(spec), dash(spec.unit), dash(spec.licence), entry.source)
        rows.append(Row(cells, _document(spec, entry.source)))
    return Listing(COLUMNS, tuple(rows))


def metric_details(registry: Registry, name: str) -> Details:
    """One metric by its name, with parameters or without."""
    (spec,) = MetricCatalog.of(registry).of_names([name])
    own = spec.alias.partition(":")[0]
    source = next((e.source for e in registry.entries("metrics") if e.name == own), BUILT_IN)
    facts = [
        ("signature", spec.signature),
        ("better", better(spec)),
        ("unit", dash(spec.unit)),
        ("parameters", dash(", ".join(parameters(spec)))),
        ("licence", dash(spec.licence)),
        ("paper", dash(spec.paper)),
        ("source", source),
    ]
    return Details(f"{spec.alias}: {spec.title or spec.alias}", _document(spec, source), facts)


def parameters(spec: MetricSpec) -> list[str]:
    """``crop``, ``space=rgb|y601|gray``: what may follow the name after a colon."""
    return [name + (f"={'|'.join(choices)}" if choices else "") for name, choices in spec.parameters.items()]


def better(spec: MetricSpec) -> str:
    """``higher`` or ``lower``."""
    return "higher" if spec.higher_is_better else "lower"


def _document(spec: MetricSpec, source: str) -> dict[str, Any]:
    return {
        "name": spec.alias,
        "title": spec.title,
        "source": source,
        "signature": spec.signature,
        "higher_is_better": spec.higher_is_better,
        "needs_target": spec.needs_target,
        "unit": spec.unit,
        "kind": spec.kind,
        "parameters": {name: list(choices) for name, choices in spec.parameters.items()},
        "licence": spec.licence,
        "paper": spec.paper,
    }
