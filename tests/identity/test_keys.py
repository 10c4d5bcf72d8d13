"""Run keys, compare keys and the message about their first difference."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.identity.keys import (
    MISSING,
    canonical_json,
    compare_key,
    digest,
    first_difference,
    folder_name,
    run_fields,
    run_key,
)

FIELDS: dict[str, Any] = {
    "method": "datsr",
    "code": "c0de",
    "weights": {"net": "ab12"},
    "params": {"k": 1, "padding": "match"},
    "dataset": "f00d",
    "protocol": "jitter@1",
    "protocol_params": {"level": 2},
    "seed": 0,
    "precision": "fp32",
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def shuffled(value: Any) -> Any:
    """The same value with every object's keys in the other order."""
    if isinstance(value, dict):
        return {k: shuffled(v) for k, v in reversed(list(value.items()))}
    return [shuffled(v) for v in value] if isinstance(value, list) else value


@given(PLAIN)
def test_canonical_json_ignores_key_order_and_survives_a_round_trip(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(shuffled(value)) == text
    assert canonical_json(json.loads(text)) == text
    assert text.isascii()


def test_canonical_json_writes_equal_numbers_alike() -> None:
    assert canonical_json({"a": 1.0, "b": -0.0, "c": 0.1}) == '{"a":1,"b":0,"c":0.1}'
    assert canonical_json([np.float64(2.0), np.int64(3), np.float32(0.5)]) == "[2,3,0.5]"
    assert canonical_json(True) != canonical_json(1)
    assert canonical_json("1") != canonical_json(1)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_canonical_json_refuses_numbers_that_are_none(bad: float) -> None:
    with pytest.raises(ValueError, match=r"\$\.a\[1\]: -?(nan|inf) has no place in an identity"):
        canonical_json({"a": [1, bad]})


def test_canonical_json_refuses_what_has_no_one_form() -> None:
    with pytest.raises(TypeError, match=r"\$\.s: set has no canonical form"):
        canonical_json({"s": {1, 2}})
    with pytest.raises(TypeError, match="key 1 is not text"):
        canonical_json({1: "a"})


def test_canonical_json_of_a_dataclass_is_that_of_its_fields() -> None:
    @dataclass
    class Level:
        hue: float
        name: str

    assert canonical_json(Level(0.05, "x1")) == '{"hue":0.05,"name":"x1"}'


def test_run_key_is_the_digest_of_its_fields_and_stable() -> None:
    key = run_key(**FIELDS)
    assert key == digest(run_fields(**FIELDS))
    assert len(key) == 64
    assert folder_name(key) == key[:20]
    # a literal: a change here makes every stored run unusable for a resume
    assert key == "361167bcf7e302fb2b88894eb747fd839ff26eb191a2d43ce1ab194fd11f99f9"


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_field_changes_the_run_key(field: str) -> None:
    other = dict(FIELDS)
    value = other[field]
    other[field] = (
        {**value, "new": 1} if isinstance(value, dict) else (value + 1 if field == "seed" else value + "x")
    )
    assert run_key(**other) != run_key(**FIELDS)


def test_run_key_is_equal_in_another_process() -> None:
    code = f"from refbench.identity.keys import run_key; print(run_key(**{FIELDS!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == run_key(**FIELDS)


def test_compare_key_knows_neither_weights_nor_code() -> None:
    key = compare_key(
        dataset="f00d", protocol="jitter@1", protocol_params={"level": 2}, signature="psnr", seed=0
    )
    assert set(key) == {"dataset", "protocol", "signature", "seed"}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, None),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ("a.b[1]", 2, 3)),
        ({"a": {"b": [1]}}, {"a": {"b": [1, 3]}}, ("a.b[1]", MISSING, 3)),
        ({"z": 1, "a": 1}, {"a": 2, "z": 2}, ("z", 1, 2)),
        ({"a": 1}, {"a": 1, "b": None}, ("b", MISSING, None)),
        ({"a": 1}, {}, ("a", 1, MISSING)),
        ({"a": True}, {"a": 1}, ("a", True, 1)),
        ({"a": "12"}, {"a": ["1", "2"]}, ("a", "12", ["1", "2"])),
        (1, 2, ("value", 1, 2)),
    ],
)
def test_first_difference(a: Any, b: Any, expected: Any) -> None:
    assert first_difference(a, b) == expected


@given(PLAIN, PLAIN)
def test_first_difference_agrees_with_the_canonical_form(a: Any, b: Any) -> None:
    assert first_difference(a, a) is None
    same = canonical_json(a) == canonical_json(b)
    assert (first_difference(json.loads(canonical_json(a)), json.loads(canonical_json(b))) is None) == same


def test_missing_reads_well_in_messages() -> None:
    assert repr(MISSING) == "(absent)"
