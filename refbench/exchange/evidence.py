"""How far a number has been checked by somebody else than its maker, as exports and the site say it."""

from __future__ import annotations

from collections.abc import Mapping

from refbench.results.provenance import SELF_REPORTED, provenance_of
from refbench.results.record import CellRecord

COLOURS: Mapping[str, str] = {
    SELF_REPORTED: "lightgrey", "consistent": "blue", "re-scored": "green", "re-run": "brightgreen",
    "contradicted": "red",
}  # fmt: skip
"""Of badges, by the first word of a verdict: ``re-run 5 of 126``."""


def audit_level(cell: CellRecord) -> str:
    """``self-reported``, ``consistent``, ``re-scored``, ``re-run 5 of 126`` or ``contradicted``."""
    return provenance_of(cell).audit


def colour(level: str) -> str:
    """A shields.io colour; a verdict that is not known here is not painted as a good one."""
    return COLOURS.get(level.split()[0] if level else "", "lightgrey")
