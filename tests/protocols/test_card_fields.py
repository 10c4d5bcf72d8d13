"""Every parameter of a card is part of what numbers mean: its change makes another key, and is named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.gate.baseline import baseline_of
from refbench.gate.match import find
from refbench.identity.keys import compare_key, run_key
from refbench.metrics import METRICS, MetricCatalog
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import Card, card_names, load_card
from refbench.protocols.padding import HR_PADS, REF_PADS
from refbench.protocols.sr_colour import COLOUR_FIXES
from refbench.reports.table import Table, comparison_table
from refbench.results.record import CellRecord
from refbench.stats.summary import summarise
from refbench.store import SampleRow

TEXTS = ("title", "source", "paper", "bibtex", "prose")
"""Say what a card is; correcting a sentence changes no number."""
SCORED = ("metrics", "averaging", "reference")
"""Which columns there are: a metric's own signature is its identity. The policy has its own place in keys."""
CARDS = st.sampled_from(card_names()).map(load_card)
OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text("abcdefgh_", min_size=1, max_size=12),
    "version": st.integers(1, 99),
    "scale": st.sampled_from([2, 3, 4, 8]),
    "hr_crop_multiple": st.integers(1, 64),
    "hr_pad": st.sampled_from(HR_PADS),
    "hr_pad_multiple": st.integers(1, 64),
    "lr_kernel": st.text("abc-", min_size=1, max_size=9),
    "ref_crop_multiple": st.integers(1, 64),
    "ref_pad": st.sampled_from(REF_PADS),
    "ref_pad_multiple": st.integers(1, 64),
    "pad_least": st.integers(0, 999),
    "given_lr": st.booleans(),
    "sr_fit": st.sampled_from(["none", "pil-bicubic"]),
    "colour_fix": st.sampled_from(COLOUR_FIXES),
}
PARAMETERS = sorted(set(OTHERS) - {"name", "version"})


def key(card: Card) -> str:
    instance = ProtocolInstance(card)
    return run_key(
        method="m",
        code="c",
        weights={},
        params={},
        dataset="d",
        protocol=instance.id,
        protocol_params=instance.identity(),
        seed=0,
        precision="fp32",
    )


def cell(card: Card, method: str, values: list[float]) -> CellRecord:
    """Eight images measured under ``card``."""
    instance = ProtocolInstance(card)
    (spec,) = MetricCatalog(METRICS).of_names(("psnr_y",))
    rows = [SampleRow(f"{i:03}", metrics={spec.signature: value}) for i, value in enumerate(values)]
    found = summarise([dataclasses.asdict(row) for row in rows], (spec,))
    compared = compare_key(
        dataset="d", protocol=instance.id, protocol_params=instance.identity(), signature="", seed=0
    )
    del compared["signature"]
    return CellRecord(
        method=method,
        weights="",
        method_label=method,
        dataset="cufed5",
        dataset_label="cufed5",
        protocol=instance.id,
        baseline=False,
        n=found.n,
        trials=found.trials,
        errors=0,
        run_key=method,
        rows_path="rows",
        metrics=found.metrics,
        values=found.values,
        compare_key=compared,
    )


def table(first: Card, second: Card) -> Table:
    """Two methods, one clearly better on each of eight images."""
    good, bad = [30.0 + i for i in range(8)], [20.0 + i for i in range(8)]
    return comparison_table([cell(first, "a", good), cell(second, "b", bad)])


def marks(made: Table) -> set[str]:
    return {score.mark for section in made.sections for entry in section.entries for score in entry.scores}


def shown(card: Card, field: str) -> object:
    """As a message shows it: a field that came later is not in the keys of cards that do not use it."""
    return card.identity().get(field, "(absent)")


def test_every_field_of_a_card_is_accounted_for() -> None:
    # content is made from the others, see test_cards_by_path.py
    assert {f.name for f in dataclasses.fields(Card)} == {*OTHERS, *TEXTS, *SCORED, "content"}


@given(CARDS)
@settings(max_examples=10, deadline=None)
def test_one_card_is_ranked(card: Card) -> None:
    made = table(card, card)
    assert len(made.sections) == 1
    assert "best" in marks(made)


@pytest.mark.parametrize("field", sorted(OTHERS))
@given(card=CARDS, data=st.data())
@settings(max_examples=15, deadline=None)
def test_one_changed_parameter_is_another_key_and_is_not_ranked(
    field: str, card: Card, data: st.DataObject
) -> None:
    value = data.draw(OTHERS[field].filter(lambda v: v != getattr(card, field)))
    other = dataclasses.replace(card, **{field: value})
    assert key(other) != key(card)
    made = table(card, other)
    assert len(made.sections) == 2
    assert marks(made) == {""}
    if field != "name":
        (told,) = [note for note in made.notes if "not ranked against each other" in note]
        assert f"card.{field} is {shown(card, field)} and {shown(other, field)}" in told


@pytest.mark.parametrize("field", PARAMETERS)
@given(card=CARDS, data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_new_version_tells_the_parameter_that_made_it(field: str, card: Card, data: st.DataObject) -> None:
    value = data.draw(OTHERS[field].filter(lambda v: v != getattr(card, field)))
    other = dataclasses.replace(card, version=card.version + 1, **{field: value})
    (told,) = [note for note in table(card, other).notes if "not ranked against each other" in note]
    assert f"{card.id} and {other.id}" in told
    assert f"card.{field} is {shown(card, field)} and {shown(other, field)}" in told
    assert "card.version" not in told
    # the gate: nothing comparable, for a reason that names it, too
    old, new = cell(card, "a", [30.0]), cell(other, "a", [30.0])
    (wanted,) = baseline_of([old], {}).cells
    match = find(wanted, [new])
    assert match.cell is None
    assert match.field == "protocol.id"
    assert f"card.{field}: {shown(card, field)}, {shown(other, field)}" in match.reason


@pytest.mark.parametrize("field", TEXTS)
def test_a_corrected_sentence_changes_nothing(field: str) -> None:
    card = load_card("canonical")
    assert key(dataclasses.replace(card, **{field: "another sentence"})) == key(card)
