"""Protocol cards, read as plain YAML: the numeric packages they are used with are not imported."""

from __future__ import annotations

import textwrap
from importlib.metadata import entry_points
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
    if _brought():
        rows += _plugin_rows()
    return Listing(COLUMNS, tuple(rows))


def _brought() -> list[str]:
    """Names of the cards of installed packages, without importing anything."""
    names = {point.name for point in entry_points(group="refbench.cards")}
    return sorted(names - set(config_names("protocol")))


def _plugin_rows() -> list[Row]:
    """Cards of installed packages."""
    from refbench.protocols.card import card_plugins, own_card, plugin_card

    rows = []
    for plugin in card_plugins():
        try:
            if plugin.error:
                raise UserError(plugin.error)
            found = plugin_card(plugin.name) or {}
            card = own_card(found, f"card {plugin.name}")
        except UserError as error:
            document = {"name": plugin.name, "source": plugin.source, "error": str(error)}
            rows.append(Row((plugin.name, "-", f"broken: {error}"), document))
            continue
        cells = (card.id, " ".join(card.metrics), f"{dash(card.title)} ({plugin.source})")
        rows.append(Row(cells, {**found, "source": plugin.source}))
    return rows


def card_details(name: str) -> Details:
    """One card: its prose first, then every field."""
    plain = name.partition("@")[0]
    shipped = config_names("protocol")
    brought = _brought()
    if plain not in (*shipped, *brought):
        raise unknown("protocol", plain, (*shipped, *brought))
    if plain in brought:
        from refbench.protocols.card import plugin_card

        card: dict[str, Any] = {"metrics": [], **(plugin_card(plain) or {})}
    else:
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
