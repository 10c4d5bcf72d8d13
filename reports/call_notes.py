"""What a table says about the calls behind it: references never read, rows repeated, flaky methods."""

from __future__ import annotations

from collections.abc import Sequence

from refbench.metrics.sets import set_caution
from refbench.results.record import CellRecord

from .table_model import Section


def call_notes(sections: Sequence[Section]) -> list[str]:
    """One sentence per method and fact, each with the protocols that it is about."""
    cells = [entry.cell for section in sections for entry in section.entries]
    told: dict[str, list[str]] = {}
    for cell in cells:
        for fact in _facts(cell):
            told.setdefault(f"{cell.method_label} {fact}", []).append(cell.protocol)
    return [f"{fact}: {', '.join(dict.fromkeys(protocols))}" for fact, protocols in told.items()]


def _facts(cell: CellRecord) -> list[str]:
    found: list[str] = []
    if cell.refs_read is not None:
        read, given = cell.refs_read
        if read < given:
            found.append(f"uses {read} of {given} reference{'s' if given != 1 else ''}")
    if cell.equal_to:
        found.append(f"was not computed, equal by construction to {cell.equal_to}")
    for metric in cell.metrics.values():
        caution = set_caution(metric.spec) if metric.spec.kind == "set" and metric.mean is not None else ""
        if caution:
            found.append(f"has a {metric.spec.title or metric.spec.alias} {caution}")
    apart = {alias: size for alias, (_, size) in cell.repeated.items() if size > 0.0}
    if apart:
        alias = next(iter(apart))
        spec = cell.metrics[alias].spec
        unit = f" {spec.unit}" if spec.unit else ""
        found.append(
            f"is flaky: two calls on the same input differ by up to {apart[alias]:.4g}{unit} in "
            f"{spec.title or alias} (image {cell.repeated[alias][0]})"
        )
    return found
