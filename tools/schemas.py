"""The JSON Schemas of docs/schemas, made from the data classes that read the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refbench.config.suite import SuiteFile
from refbench.gate.baseline import BaselineFile
from refbench.protocols.card import CardFile
from refbench.store import SampleRow, ScoreRow
from refbench.store.manifest import Manifest
from refbench.untrusted.schema import json_schema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"
LAYOUTS: Mapping[str, type[Any]] = {
    "row": SampleRow,
    "score": ScoreRow,
    "manifest": Manifest,
    "baseline": BaselineFile,
    "card": CardFile,
    "suite": SuiteFile,
}
"""File in docs/schemas -> the data class."""


def schemas() -> dict[str, str]:
    """Name -> text of each file."""
    made = {
        # people write cards and suites: an unknown field is a misspelling
        name: json_schema(layout, closed=name in ("card", "suite"))
        for name, layout in LAYOUTS.items()
    }
    return {name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in made.items()}


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / f"{name}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
