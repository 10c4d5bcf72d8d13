"""What ``refbench verify`` found: one result per clause, printed or as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["pass", "fail", "skip"]

MARKS: dict[Status, str] = {"pass": "✓", "fail": "✗", "skip": "–"}
ASCII_MARKS: dict[Status, str] = {"pass": "ok", "fail": "FAIL", "skip": "-"}


@dataclass(frozen=True)
class ClauseResult:
    """The outcome of one clause of the method contract."""

    id: str
    """Stable name: ``shape``, ``hr-swap``."""
    title: str
    """The clause as a sentence about the method."""
    status: Status
    detail: str = ""
    """What was seen: sizes, shares, differences, or the reason of a failure. One line."""

    def line(self, ascii_only: bool = False) -> str:
        """``✓ shape: SR has shape (3, 4H, 4W) (3x96x128)``."""
        mark = (ASCII_MARKS if ascii_only else MARKS)[self.status]
        text = f"{mark} {self.id}: {self.title}" + (f" ({self.detail})" if self.detail else "")
        return text.encode("ascii", "replace").decode() if ascii_only else text


@dataclass(frozen=True)
class ConformanceReport:
    """All clauses of one method with one set of weights."""

    method: str
    weights: str
    """Label of the weights, empty for a method without any."""
    device: str
    clauses: tuple[ClauseResult, ...]

    @property
    def ok(self) -> bool:
        """True when no clause failed and at least one passed."""
        statuses = {clause.status for clause in self.clauses}
        return "fail" not in statuses and "pass" in statuses

    @property
    def exit_code(self) -> int:
        """0 when conformant, 1 otherwise."""
        return 0 if self.ok else 1

    def failures(self) -> tuple[ClauseResult, ...]:
        """The clauses that failed, in order."""
        return tuple(clause for clause in self.clauses if clause.status == "fail")

    def summary(self) -> str:
        """The last line of the printed report."""
        count = {status: sum(c.status == status for c in self.clauses) for status in MARKS}
        name = self.method + (f" ({self.weights})" if self.weights else "")
        verdict = "conforms" if self.ok else "does not conform"
        skipped = f", {count['skip']} not applicable" if count["skip"] else ""
        return f"{name} {verdict}: {count['pass']} passed, {count['fail']} failed{skipped}"

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, for ``--json``."""
        return {
            "method": self.method,
            "weights": self.weights,
            "device": self.device,
            "ok": self.ok,
            "clauses": [
                {"id": c.id, "title": c.title, "status": c.status, "detail": c.detail} for c in self.clauses
            ],
        }
