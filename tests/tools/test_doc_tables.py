"""The tables of the documentation are those of the code, every row with its source."""

from __future__ import annotations

import doc_tables
import pytest

from refbench.protocols.card import card_names, load_card


@pytest.mark.parametrize("name", doc_tables.PAGES)
def test_the_page_says_what_the_command_writes(name: str) -> None:
    page = (doc_tables.DOCS / name).read_text(encoding="utf-8")
    assert doc_tables.BLOCK.search(page)
    assert doc_tables.with_tables(page) == page, "run: python tools/doc_tables.py"


def test_every_table_stands_on_a_page() -> None:
    pages = "".join((doc_tables.DOCS / name).read_text(encoding="utf-8") for name in doc_tables.PAGES)
    assert {found[1] for found in doc_tables.BLOCK.findall(pages)} == set(doc_tables.TABLES)


@pytest.mark.parametrize("name", ["cards", "metrics"])
def test_every_row_has_its_source(name: str) -> None:
    _, _, *rows = doc_tables.TABLES[name]().splitlines()
    assert len(rows) >= len(card_names())
    for row in rows:
        assert row.split(" | ")[-1].rstrip(" |") not in ("", "-"), row


def test_every_field_of_a_card_is_in_the_table() -> None:
    made = doc_tables.cards()
    for name in card_names():
        card = load_card(name)
        (row,) = [line for line in made.splitlines() if line.startswith(f"| `{card.id}` |")]
        for shown in (
            f"x{card.scale}",
            card.averaging,
            card.source,
            *card.metrics,
            *map(str, card.reference.said().values()),
        ):
            assert shown in row
        assert ("at least 500" in row) == bool(card.pad_least)
