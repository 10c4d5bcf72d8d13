"""A results folder under audit, and ways to spoil it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.auditing.audit import AuditResult, audit
from refbench.registry import Registry
from refbench.results.digests import store_digests


@dataclass(frozen=True)
class Results:
    """A results folder of two cells: three images once, and three images in two draws."""

    out: Path
    data: Path

    def cell(self, which: int = 0) -> Path:
        """The folder of the control (0), of the jittered cell (1)."""
        cells = [path.parent for path in self.out.glob("*/manifest.json")]
        return sorted(cells, key=lambda f: "jitter" in read(f / "manifest.json")["protocol"])[which]

    def audit(self, **settings: Any) -> AuditResult:
        """The audit of everything, with the data at hand."""
        given: dict[str, Any] = {"data_root": str(self.data), **settings}
        return audit([self.out], Registry.discover(), **given)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def edit_rows(cell: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Let ``change`` edit the decoded lines of samples.jsonl."""
    path = cell / "samples.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def forge(cell: Path) -> None:
    """Make the digests fit what was edited, as somebody does who means it."""
    assert store_digests(cell) is not None
