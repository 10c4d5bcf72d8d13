"""Rows: what they hold, what they refuse, and reading anything at all without an accident."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.store import SampleRow, SchemaError, ScoreRow
from refbench.store.migrations import MIGRATIONS, ROW_SCHEMA, migrate
from refbench.untrusted.schema import json_schema

FULL = SampleRow(
    sample_id="000/å",
    draw=3,
    metrics={"psnr|crop=4|v1": 27.25, "lpips|v1": None},
    special={"lpips|v1": "nan"},
    absent={"lpips_vgg": "no backbone"},
    ref_names=("000_1.png",),
    notes={"hue": 0.01, "order": "bcsh"},
    hr_size=(500, 332),
    lr_size=(125, 83),
    ref_sizes=((500, 332),),
    seconds={"total": 1.5, "method": 1.25},
    stages={"match": {"seconds": 0.5, "cpu_seconds": 0.9, "peak_mb": None}},
    peak_mb=812.5,
    device="cpu",
    work={"parameters": 453161.0, "flops": 6.3e9},
    image="images/000_d3.png",
    attempts=2,
    fallback="tiled",
)
finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(max_size=8)
rows = st.builds(
    SampleRow,
    sample_id=st.text(),
    draw=st.integers(0, 10**6),
    status=st.sampled_from(["ok", "error"]),
    error=st.text(max_size=20),
    metrics=st.dictionaries(names, st.none() | st.floats(), max_size=4),
    absent=st.dictionaries(names, names, max_size=2),
    ref_names=st.lists(names, max_size=3).map(tuple),
    notes=st.dictionaries(names, st.none() | st.booleans() | st.integers() | st.floats() | names, max_size=3),
    hr_size=st.none() | st.tuples(st.integers(0, 9999), st.integers(0, 9999)),
    ref_sizes=st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), max_size=2).map(tuple),
    seconds=st.dictionaries(names, finite, max_size=3),
    stages=st.dictionaries(names, st.dictionaries(names, st.none() | finite, max_size=3), max_size=2),
    peak_mb=st.none() | finite,
    work=st.dictionaries(names, finite, max_size=2),
    image=st.none() | names,
)


def test_a_full_row_survives_json() -> None:
    assert SampleRow.from_json(FULL.to_json()) == FULL
    assert SampleRow.from_json(FULL.to_json().encode()) == FULL


@given(rows)
def test_every_row_survives_json_as_one_ascii_line(row: SampleRow) -> None:
    line = row.to_json()
    assert line.isascii()
    assert "\n" not in line
    assert SampleRow.from_json(line) == row
    assert all(v is None or math.isfinite(v) for v in row.metrics.values())


def test_infinity_and_nan_become_null_with_a_note() -> None:
    row = SampleRow("a", metrics={"psnr": math.inf, "x": -math.inf, "y": math.nan, "z": 1.0})
    assert row.metrics == {"psnr": None, "x": None, "y": None, "z": 1.0}
    assert row.special == {"psnr": "inf", "x": "-inf", "y": "nan"}
    stored = json.loads(row.to_json())
    assert stored["metrics"]["psnr"] is None
    assert stored["special"]["psnr"] == "inf"
    assert SampleRow("a", notes={"hue": math.nan}).notes == {"hue": "nan"}
    # a number that overflows when it is read is not a number either
    assert SampleRow.from_json('{"sample_id":"a","notes":{"n":"1"},"metrics":{"m":1}}').metrics == {"m": 1.0}


def test_a_value_replaces_its_note() -> None:
    assert SampleRow("a", metrics={"psnr": 3.0}, special={"psnr": "inf"}).special == {}


def test_every_field_is_documented_and_checked() -> None:
    properties = json_schema(SampleRow)["properties"]
    assert set(json.loads(FULL.to_json())) == set(properties)
    assert [name for name, facts in properties.items() if not facts.get("description")] == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "no field 'sample_id'"),
        (b'{"sample_id": 3}', "sample_id: 3 is not text"),
        (b'{"sample_id":"a","draw":-1}', "draw: -1 is not a count"),
        (b'{"sample_id":"a","draw":true}', "draw: True is not a whole number"),
        (b'{"sample_id":"a","status":"fine"}', "status: 'fine' is not 'ok' or 'error'"),
        (b'{"sample_id":"a","metrics":{"m":NaN}}', "NaN is not a JSON number"),
        (b'{"sample_id":"a","metrics":{"m":1e999}}', r"metrics\.m: inf is not a finite number"),
        (b'{"sample_id":"a","metrics":{"m":"7"}}', r"metrics\.m: '7' is not a number"),
        (b'{"sample_id":"a","hr_size":[1]}', r"no field 'hr_size\[1\]'"),
        (b'{"sample_id":"a","stages":{"match":1}}', r"stages\.match: 1 is not an object"),
        (b'{"sample_id":"a","schema":99}', "schema 99 is newer than this refbench reads"),
        (b'{"sample_id":"\xff"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"sample_id":"a","draw":' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_bad_lines_say_what_is_wrong(line: bytes, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        SampleRow.from_json(line)


def test_half_a_character_is_refused_and_in_an_error_written_out() -> None:
    with pytest.raises(SchemaError, match="not JSON"):
        SampleRow("half \ud800").to_json()
    assert SampleRow("a", error="no file \udcff.png").error == r"no file \udcff.png"


def test_fields_of_a_later_minor_version_are_ignored() -> None:
    assert SampleRow.from_json('{"sample_id":"a","flavour":7}') == SampleRow("a")


FULL.to_json()  # reads the layout once: no example of a property shall wait for it

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
field_names = st.sampled_from([f.name for f in dataclasses.fields(SampleRow)])


@given(st.binary() | st.text())
def test_any_bytes_are_a_row_or_a_row_error(line: bytes | str) -> None:
    with contextlib.suppress(SchemaError):
        SampleRow.from_json(line)


@given(st.dictionaries(field_names, json_values))
def test_any_values_in_known_fields_are_a_row_or_a_row_error(data: dict[str, Any]) -> None:
    line = json.dumps({"sample_id": "a", **data})
    try:
        row = SampleRow.from_json(line)
    except SchemaError:
        return
    assert SampleRow.from_json(row.to_json()) == row


def test_a_row_that_cannot_be_stored_is_refused_before_it_is_written() -> None:
    with pytest.raises(SchemaError, match=r"seconds\.total: nan is not a finite number"):
        SampleRow("a", seconds={"total": math.nan}).to_json()
    with pytest.raises(SchemaError, match="status: 'done'"):
        SampleRow("a", status="done").to_json()  # type: ignore[arg-type]


def test_migrations_run_in_order_and_gaps_are_named() -> None:
    steps = {
        1: lambda row: {"metrics": row.pop("scores"), **row},
        2: lambda row: {**row, "draw": row["draw"] + 1},
    }
    old = {"schema": 1, "sample_id": "a", "draw": 0, "scores": {"m": 1.0}}
    new = migrate(old, steps, current=3)
    assert new == {"schema": 3, "sample_id": "a", "draw": 1, "metrics": {"m": 1.0}}
    assert old["schema"] == 1
    with pytest.raises(SchemaError, match="schema 2: no migration to 3"):
        migrate(old, {1: steps[1]}, current=3)


def test_the_table_reaches_the_current_schema_from_every_older_one() -> None:
    assert set(MIGRATIONS) == set(range(1, ROW_SCHEMA))


@given(st.builds(ScoreRow, sample_id=st.text(), draw=st.integers(0, 99),
                 metrics=st.dictionaries(names, st.none() | st.floats(), max_size=4)))  # fmt: skip
def test_score_rows_survive_json(score: ScoreRow) -> None:
    assert ScoreRow.from_json(score.to_json()) == score


@given(
    st.binary() | st.dictionaries(st.sampled_from(["sample_id", "draw", "metrics", "schema"]), json_values)
)
def test_any_bytes_are_a_score_or_a_row_error(line: bytes | dict[str, Any]) -> None:
    with contextlib.suppress(SchemaError):
        ScoreRow.from_json(json.dumps(line) if isinstance(line, dict) else line)
