"""docs/schemas: up to date, and what refbench ships and writes fits them."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemas
import yaml

from refbench.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "schemas"


def schema(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))


def shipped(group: str) -> list[Path]:
    folder = Path(str(files("refbench.configs") / group))
    return sorted(folder.glob("*.yaml"))


def fits(name: str, data: object) -> None:
    validator = jsonschema.Draft202012Validator(schema(name))
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(data)] == []


def test_the_files_are_those_that_the_tool_writes() -> None:
    made = schemas.schemas()
    assert {path.name for path in FOLDER.glob("*.json")} == {f"{name}.schema.json" for name in made}
    for name, text in made.items():
        told = "python tools/schemas.py writes them anew"
        assert (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8") == text, told


@pytest.mark.parametrize("name", ["row", "score", "manifest", "baseline", "card", "suite"])
def test_every_field_has_its_sentence(name: str) -> None:
    found = schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    parts = [found, *found.get("$defs", {}).values()]
    bare = [
        field
        for part in parts
        for field, facts in part.get("properties", {}).items()
        if not facts.get("description") and field not in ("kind", "cells", "method", "weights")
    ]
    assert bare == []


@pytest.mark.parametrize("group", ["protocol", "suite"])
def test_shipped_cards_and_suites_fit(group: str) -> None:
    for path in shipped(group):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        if group == "suite":
            data.setdefault("name", path.stem)
        fits({"protocol": "card", "suite": "suite"}[group], data)


def test_the_gates_baseline_fits() -> None:
    fits("baseline", json.loads((ROOT / "baselines" / "cufed5-sample.json").read_text(encoding="utf-8")))


def test_what_a_run_writes_fits(tmp_path: Path) -> None:
    words = ["run", "method=bicubic", "suite=cufed5", "limit=2", "tracking=none", f"out={tmp_path}"]
    assert main(words) == 0
    (manifest,) = tmp_path.glob("*/manifest.json")
    fits("manifest", json.loads(manifest.read_text(encoding="utf-8")))
    rows = manifest.with_name("samples.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2
    for row in rows:
        fits("row", json.loads(row))
