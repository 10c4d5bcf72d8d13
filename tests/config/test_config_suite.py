"""Suites: the shipped ones expand as intended, and a wrong file is one line naming file and field."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from refbench.config.suite import as_mapping, config_names, parse_suite, read_config, read_suite_file
from refbench.errors import UserError
from refbench.settings import ProtocolEntry


def test_every_shipped_suite_is_valid() -> None:
    assert {"cufed5", "cufed5_jitter", "wrsr", "pairs"} <= set(config_names("suite"))
    for name in config_names("suite"):
        suite = parse_suite(read_config("suite", name), name)
        assert suite.name == name
        assert suite.title
        assert sum(p.control for p in suite.protocols) <= 1


def test_a_plain_suite_is_one_undistorted_entry() -> None:
    suite = parse_suite(read_config("suite", "cufed5"), "cufed5")
    assert suite.protocols == (ProtocolEntry(control=True),)


def test_jitter_expands_to_a_control_and_levels() -> None:
    suite = parse_suite(read_config("suite", "cufed5_jitter"), "x")
    assert suite.protocols == (
        ProtocolEntry(control=True),
        *(ProtocolEntry(transform="jitter", level=level, draws=5) for level in ("x0.5", "x1", "x2")),
    )


def test_the_control_is_the_same_protocol_as_the_plain_suite() -> None:
    plain = parse_suite(read_config("suite", "cufed5"), "x").protocols[0]
    control = parse_suite(read_config("suite", "cufed5_jitter"), "x").protocols[0]
    assert plain == control


def test_an_explicit_list_inherits_shared_fields() -> None:
    data = {
        "name": "s",
        "dataset": "d",
        "draws": 3,
        "reference": "all",
        "protocols": [
            {"control": True, "draws": 1},
            {"transform": "jitter", "level": "x1"},
            {"reference": {"policy": "level", "level": 5}},
        ],
    }
    assert parse_suite(data, "s").protocols == (
        ProtocolEntry(reference={"policy": "all"}, control=True),
        ProtocolEntry(reference={"policy": "all"}, transform="jitter", level="x1", draws=3),
        ProtocolEntry(reference={"policy": "level", "level": 5}, draws=3),
    )


BASE = {"name": "s", "dataset": "d"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"name": "s"}, "f: field 'dataset' is missing"),
        ({"dataset": "d"}, "f: field 'name' is missing"),
        ({**BASE, "trasform": "jitter"}, "f: no field 'trasform'; did you mean 'transform'?"),
        (
            {**BASE, "transform": "jitter"},
            "f: levels is a list of the transform's levels, e.g. [x0.5, x1, x2]",
        ),
        ({**BASE, "levels": ["x1"]}, "f: levels needs a transform or a degradation"),
        (
            {**BASE, "transform": "j", "levels": ["x1"], "draws": 0},
            "f: draws: 0 is not a whole number from 1",
        ),
        (
            {**BASE, "transform": "j", "levels": ["x1"], "control": "yes"},
            "f: control: 'yes' is not true or false",
        ),
        ({**BASE, "reference": [1]}, "f: reference: [1] is not text or a mapping"),
        ({**BASE, "reference": {"policy": ["a"]}}, "f: reference.policy: ['a'] is not text"),
        ({**BASE, "reference": {"polcy": "all"}}, "f: reference: no field 'polcy'; did you mean 'policy'?"),
        (
            {**BASE, "reference": {"policy": "level", "level": 0}},
            "f: reference.level: 0 is not a whole number from 1",
        ),
        (
            {**BASE, "params": {"a": 1}},
            "f: no field 'params'; known: card, control, dataset, degradation, draws, levels, multi, name, "
            "protocols, reference, title, transform",
        ),
        ({**BASE, "title": 2024}, "f: title: 2024 is not text; put it in quotes"),
        (
            {**BASE, "title": date(2024, 1, 1)},
            "f: 2024-01-01 is read as a date, not as text; put it in quotes",
        ),
        ({**BASE, "multi": "per_pathc"}, "f: no multi 'per_pathc'; did you mean 'per_patch'?"),
        ({**BASE, "levels": "x1"}, "f: levels: 'x1' is not a list"),
        ({**BASE, "protocols": []}, "f: protocols: it is empty"),
        ({**BASE, "protocols": ["x"]}, "f: protocols[1]: 'x' is not a mapping"),
        ({**BASE, "protocols": [{"lvl": 1}]}, "f: protocols[1]: no field 'lvl'; did you mean 'level'?"),
        (
            {**BASE, "protocols": [{}], "control": True},
            "f: control and protocols exclude each other; keep one of the two forms",
        ),
        (
            {**BASE, "protocols": [{"control": True, "transform": "jitter"}]},
            "f: protocols[1]: a control has no transform; drop one of the two fields",
        ),
    ],
)
def test_mistakes_name_file_and_field(data: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_suite(data, "f")
    assert str(caught.value) == expected


def test_a_suite_file(tmp_path: Path) -> None:
    path = tmp_path / "eigene Übung.yaml"
    path.write_text("dataset: wrsr\n", encoding="utf-8")
    assert read_suite_file(str(path)) == {"name": "eigene Übung", "dataset": "wrsr"}
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"^suite=.*: cannot read "):
        read_suite_file(str(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", r"^f line \d+: not valid YAML: "),
        ("- a", r"^f: expected a mapping of names to values$"),
        ("1: a", r"^f: expected a mapping of names to values$"),
        ("", r"^f: expected a mapping of names to values$"),
        (
            "!!python/object/apply:os.system ['echo hacked']",
            r"^f line 1: not valid YAML: could not determine",
        ),
    ],
)
def test_bad_yaml_is_one_line(text: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        as_mapping(text, "f")
    assert "\n" not in str(caught.value)
