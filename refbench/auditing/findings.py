"""What an audit of one cell finds, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refbench.results.audits import CONTRADICTED
from refbench.store import Manifest
from refbench.store.reader import ROWS
from refbench.untrusted.escape import printable

ROWS_FILE = f"{ROWS}.jsonl"
SHOWN = 5
"""Contradictions of a cell that a table spells out; documents have all of them."""
UNCHECKED = "nothing to check"
_LONGEST = 120


@dataclass(frozen=True)
class Contradiction:
    """One statement that does not hold."""

    file: str
    """Name of the file in the cell's folder."""
    field: str
    stated: str
    found: str
    sample: str = ""
    draw: int | None = None

    def line(self) -> str:
        """``samples.jsonl, 003 draw 0: psnr_y is 27.1, found 24.1``."""
        place = self.file + (f", {self.sample} draw {self.draw}" if self.sample else "")
        return printable(f"{place}: {self.field} is {self.stated}, found {self.found}")

    def json(self) -> dict[str, Any]:
        """The finding as documents print it."""
        return {
            "file": self.file, "sample": self.sample or None, "draw": self.draw, "field": self.field,
            "stated": self.stated, "found": self.found,
        }  # fmt: skip


@dataclass
class CellAudit:
    """The audit of one cell, filled level by level."""

    folder: Path
    manifest: Manifest | None = None
    digest: str = ""
    """Of the rows and the manifest as they are."""
    record: str = ""
    rows: int = 0
    ok: int = 0
    """Trials that went well: those that can be scored or computed again."""
    checked: list[str] = field(default_factory=list)
    """What was compared at all: ``digest``, ``summary``, ``images``, ``metrics``, ``re-run``."""
    contradictions: list[Contradiction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be checked, and why."""
    hashed: int = 0
    """Images compared with the digest in their row."""
    rescored: int = 0
    rerun: int = 0
    tolerances: dict[str, str] = field(default_factory=dict)
    """Metric alias -> tolerance, of those that were computed again."""

    @property
    def verdict(self) -> str:
        """``contradicted``, else the highest level that was reached."""
        if self.contradictions:
            return CONTRADICTED
        if self.rerun:
            return f"re-run {self.rerun} of {self.ok}"
        if self.rescored:
            return "re-scored" if self.rescored == self.ok else f"re-scored {self.rescored} of {self.ok}"
        return "consistent" if self.checked else UNCHECKED

    def contradict(
        self,
        file: str,
        name: str,
        stated: object,
        found: object,
        trial: tuple[str, int] | None = None,
    ) -> None:
        """Add a contradiction."""
        sample, draw = trial if trial is not None else ("", None)
        self.contradictions.append(Contradiction(file, name, _text(stated), _text(found), sample, draw))

    def note(self, text: str) -> None:
        """Add a remark, each once."""
        line = printable(" ".join(text.split()))
        if line not in self.notes:
            self.notes.append(line)

    def json(self) -> dict[str, Any]:
        """The cell as ``audit --json`` prints it; ``refbench report audits=`` reads record and verdict."""
        return {
            **self.labels(),
            "folder": str(self.folder),
            "digest": self.digest,
            "record": self.record,
            "verdict": self.verdict,
            "rows": self.rows,
            "ok": self.ok,
            "checked": self.checked,
            "images": self.hashed,
            "rescored": self.rescored,
            "rerun": self.rerun,
            "tolerances": self.tolerances,
            "contradictions": [c.json() for c in self.contradictions],
            "notes": self.notes,
        }

    def labels(self) -> Mapping[str, Any]:
        """What the cell is, by its manifest."""
        m = self.manifest
        return {
            "run_key": m.run_key if m else "",
            "method_label": (m.method_label or m.method) if m else self.folder.name,
            "dataset_label": (m.dataset_label or m.dataset) if m else "",
            "protocol": m.protocol if m else "",
            "seed": m.seed if m else None,
        }


@dataclass
class TableAudit:
    """Stored tables (``report/``) compared with the rows next to them."""

    checked: list[str] = field(default_factory=list)
    """Files that were derived again."""
    contradictions: list[Contradiction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was not derived again, and why."""

    def contradict(self, file: str, name: str, stated: object, found: object) -> None:
        """Add a contradiction."""
        self.contradictions.append(Contradiction(file, name, _text(stated), _text(found)))

    def json(self) -> dict[str, Any]:
        """The document of ``audit --json``."""
        return {
            "checked": self.checked,
            "contradictions": [c.json() for c in self.contradictions],
            "notes": self.notes,
        }


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def exit_code(cells: list[CellAudit], *, rerun: bool = False) -> int:
    """0: all that was checked holds; 1: something is contradicted; 3: nothing could be checked, or no trial
    was computed again where that was asked for (``rerun``)."""
    if any(cell.contradictions for cell in cells):
        return 1
    if not any(cell.checked for cell in cells) or (rerun and not any(cell.rerun for cell in cells)):
        return 3
    return 0
