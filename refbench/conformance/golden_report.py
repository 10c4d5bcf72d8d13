"""What a golden check found: every stored array, compared or accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Status = Literal["pass", "fail", "missing", "skip"]

MARKS: dict[Status, str] = {"pass": "✓", "fail": "✗", "missing": "✗", "skip": "–"}
ASCII_MARKS: dict[Status, str] = {"pass": "ok", "fail": "FAIL", "missing": "FAIL", "skip": "-"}


@dataclass(frozen=True)
class ArrayResult:
    """One named array of a golden file, or one key list."""

    name: str
    status: Status
    """``missing``: stored and never compared, which is a failure; ``skip``: allowed to be left out."""
    max_abs: float | None = None
    """Largest absolute difference over the compared values."""
    count: int = 0
    """Values compared."""
    detail: str = ""
    scale: float | None = None
    """Largest absolute stored value, which ``max_abs`` is judged by; None for indices."""
    norm_ratio: float | None = None
    """Norm of the difference over the norm of the stored values; None for indices and where all are zero."""

    def line(self, ascii_only: bool = False) -> str:
        """One printed line."""
        mark = (ASCII_MARKS if ascii_only else MARKS)[self.status]
        shown = f"max|diff| {self.max_abs:.2e}" if self.max_abs is not None else ""
        shown += f" at scale {self.scale:.2g}" if self.scale is not None else ""
        shown += f", norm ratio {self.norm_ratio:.1e}" if self.norm_ratio is not None else ""
        values = f"{self.count} values" if self.count else ""
        rest = ", ".join(part for part in (shown, values, self.detail) if part)
        return f"{mark} {self.name}: {rest}" if rest else f"{mark} {self.name}"


@dataclass(frozen=True)
class GoldenReport:
    """All arrays of one golden file."""

    method: str
    golden: Path
    results: tuple[ArrayResult, ...]
    notes: tuple[str, ...] = ()
    """Facts a reader must know: which golden indices were injected."""

    @property
    def compared(self) -> int:
        """Number of arrays whose values were compared."""
        return sum(result.max_abs is not None for result in self.results)

    @property
    def ok(self) -> bool:
        """True when nothing failed or is missing, and something was compared."""
        return self.compared > 0 and all(r.status in ("pass", "skip") for r in self.results)

    @property
    def exit_code(self) -> int:
        """0 when every array agrees, 1 otherwise."""
        return 0 if self.ok else 1

    def summary(self) -> str:
        """The last printed line."""
        failed = sum(r.status == "fail" for r in self.results)
        missing = sum(r.status == "missing" for r in self.results)
        skipped = sum(r.status == "skip" for r in self.results)
        worst = max((r.max_abs for r in self.results if r.max_abs is not None), default=0.0)
        verdict = "agrees with" if self.ok else "DIFFERS from"
        return (
            f"{self.method} {verdict} {self.golden.name}: {self.compared} arrays compared, {failed} failed, "
            f"{missing} not compared, {skipped} skipped, largest difference {worst:.2e}"
        )

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, for ``--json``."""
        return {
            "method": self.method,
            "golden": str(self.golden),
            "ok": self.ok,
            "compared": self.compared,
            "notes": list(self.notes),
            "arrays": [
                {
                    "name": r.name,
                    "status": r.status,
                    "max_abs": r.max_abs,
                    "scale": r.scale,
                    "norm_ratio": r.norm_ratio,
                    "count": r.count,
                    "detail": r.detail,
                }
                for r in self.results
            ],
        }


def render(report: GoldenReport, ascii_only: bool = False) -> str:
    """The report as text: one line per array, the notes, and the verdict."""
    lines = [result.line(ascii_only) for result in report.results]
    lines += [f"note: {note}" for note in report.notes]
    text = "\n".join([*lines, report.summary()])
    return text.encode("ascii", "replace").decode() if ascii_only else text
