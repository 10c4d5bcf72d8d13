"""The JSON Schemas of docs/schemas, made from the data classes that read the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refbench.config.suite import SuiteFile
from refbench.gate.baseline import BaselineFile
from refbench.protocols.card import Card
from refbench.store import SampleRow, ScoreRow
from refbench.store.manifest import Manifest
from refbench.untrusted.schema import json_schema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"
LAYOUTS: Mapping[str, type[Any]] = {
    "row": SampleRow,
    "score": ScoreRow,
    "manifest": Manifest,
    "baseline": BaselineFile,
    "card": Card,
    "suite": SuiteFile,
}
"""File in docs/schemas -> the data class."""


def schemas() -> dict[str, str]:
    """Name -> text of each file."""
    found = {}
    for name, layout in LAYOUTS.items():
        schema = json_schema(layout)
        if layout is Card:
            # computed from the others, never written in a file
            del schema["properties"]["content"]
        if layout in (Card, SuiteFile):
            schema["additionalProperties"] = False
        found[name] = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    return found


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / f"{name}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
