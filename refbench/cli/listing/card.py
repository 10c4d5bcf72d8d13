"""Protocol cards, read as plain YAML: the numeric packages they are used with are not imported."""

from __future__ import annotations

import textwrap
from typing import Any

from refbench.cli.listing.row import Details, Listing, Row, dash
from refbench.config.suite import config_names, read_config
from refbench.errors import UserError, unknown

COLUMNS = ("protocol", "metrics", "title")


def card_rows() -> Listing:
    """Every shipped card; one whose file is wrong says why."""
    rows = []
    for name in config_names("protocol"):
        try:
            card = _read(name)
        except UserError as error:
            rows.append(Row((name, "-", f"broken: {error}"), {"name": name, "error": str(error)}))
            continue
        cells = (f"{card['name']}@{card['version']}", " ".join(card["metrics"]) or "-", dash(card["title"]))
        rows.append(Row(cells, card))
    return Listing(COLUMNS, tuple(rows))


def card_details(name: str) -> Details:
    """One card: its prose first, then every field."""
    plain = name.partition("@")[0]
    if plain not in config_names("protocol"):
        raise unknown("protocol", plain, config_names("protocol"))
    card = _read(plain)
    prose = textwrap.fill(str(card.get("prose", "")).strip(), width=100)
    facts = [(k, _text(v)) for k, v in card.items() if k not in ("name", "version", "title", "prose")]
    heading = f"{card['name']}@{card['version']}: {card['title']}"
    return Details(heading, card, facts, prose=[prose] if prose else [])


def _read(name: str) -> dict[str, Any]:
    card = read_config("protocol", name)
    if "version" not in card:
        raise UserError(f"configs/protocol/{name}.yaml: field 'version' is missing")
    return {"name": name, "title": "", "metrics": [], **card}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else dash(value)
