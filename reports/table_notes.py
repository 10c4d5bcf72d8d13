"""Footnotes and the footer of a comparison table."""

from __future__ import annotations

from collections.abc import Sequence

from refbench.specs import MetricSpec
from refbench.stats.interval import BOOTSTRAP_FROM
from refbench.stats.ranking import ALPHA

from .table_model import Section

MARKS = "* best, ' second"
"""How the text table marks; Markdown says it with bold and italics."""


class Footnotes:
    """Numbered texts, each once."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._columns: dict[str, list[str]] = {}

    def number(self, text: str) -> int:
        """The number of ``text``, from 1; a repeated text keeps its number."""
        if text not in self._texts:
            self._texts.append(text)
        return self._texts.index(text) + 1

    def absent(self, column: str, reason: str) -> int:
        """The number of a reason for missing values; columns that share it stand before it in one note."""
        columns = self._columns.setdefault(reason, [])
        if column not in columns:
            columns.append(column)
        return self.number(reason)

    def texts(self) -> tuple[str, ...]:
        return tuple(
            f"{', '.join(self._columns[text])}: {text}" if text in self._columns else text
            for text in self._texts
        )


class Unranked:
    """Why columns of sections are not ranked, gathered so that each reason is one footnote."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, list[str]]] = {}

    def add(self, reason: str, section: str, column: str) -> None:
        self._found.setdefault(reason, {}).setdefault(section, []).append(column)

    def note(self, notes: Footnotes, count: int) -> None:
        """One footnote per reason and set of columns, naming its sections among ``count`` in the table."""
        for reason, sections in self._found.items():
            groups: dict[str, list[str]] = {}
            for section, columns in sections.items():
                groups.setdefault(", ".join(columns), []).append(section)
            for columns_text, names in groups.items():
                where = " and ".join(names) if len(names) < count or count == 1 else f"all {count} sections"
                notes.number(f"{columns_text} {reason}; in {where}")


def footer(
    columns: Sequence[MetricSpec], sections: Sequence[Section], baseline: str | None
) -> tuple[str, ...]:
    """How to read the table, in sentences for exactly what it shows."""
    scores = [score for section in sections for entry in section.entries for score in entry.scores]
    sizes = [score.summary.n for score in scores if score.summary is not None and score.summary.n > 1]
    lines = []
    if any(score.mark for score in scores):
        lines.append(
            f"{MARKS}: significantly better than the others (paired, Holm over the column, p <= {ALPHA:g})"
        )
    if sizes:
        kinds = []
        if min(sizes) < BOOTSTRAP_FROM:
            kinds.append(f"t on image means (n < {BOOTSTRAP_FROM})")
        if max(sizes) >= BOOTSTRAP_FROM:
            kinds.append("bootstrap of image means")
        lines.append(
            f"[lo, hi] 95 % interval clustered by HR image: {', '.join(kinds)}; n = HR images x draws"
        )
    if baseline is not None and any(score.delta is not None for score in scores):
        lines.append(f"vs {baseline}: paired difference on the same images and draws")
    if any(score.drop is not None for score in scores):
        lines.append(
            "drop: quality lost against the method's own control, paired by image; positive is worse"
        )
    lower = [spec.title or spec.alias for spec in columns if not spec.higher_is_better]
    if lower:
        lines.append(f"lower is better: {', '.join(lower)}")
    lines += [f"{spec.title or spec.alias} = {spec.signature}" for spec in columns]
    return tuple(lines)
