"""Footnotes and the footer of a comparison table."""

from __future__ import annotations

from collections.abc import Sequence

from refbench.results.drops import trials_of
from refbench.specs import MetricSpec
from refbench.stats.paired import ALPHA, Comparison, compare, foresee_comparisons

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
        lines.append(
            "[lo, hi] 95 % interval clustered by HR image: on each side the wider of Student's t and the "
            "studentised bootstrap of image means; n = HR images x draws"
        )
    lines += _power(columns, sections)
    if any(score.delta_tone or score.drop_tone for score in scores):
        lines.append(f"coloured differences: significant (paired, Holm over the column, p <= {ALPHA:g})")
    if baseline is not None and any(score.delta is not None for score in scores):
        lines.append(
            f"vs {baseline}: paired difference on the same images and draws; better on: images on which the "
            "method is the better one, with the exact 95 % interval of their share"
        )
    if any(score.drop is not None for score in scores):
        lines.append(
            "drop: quality lost against the method's own control, paired by image; positive is worse"
        )
    lower = [spec.title or spec.alias for spec in columns if not spec.higher_is_better]
    if lower:
        lines.append(f"lower is better: {', '.join(lower)}")
    lines += [f"{spec.title or spec.alias} = {spec.signature}" for spec in columns]
    return tuple(lines)


def brief_footer(
    columns: Sequence[MetricSpec], sections: Sequence[Section], baseline: str | None
) -> tuple[str, ...]:
    """How to read the brief table, in few words."""
    scores = [score for section in sections for entry in section.entries for score in entry.scores]
    parts = []
    if any(score.mark for score in scores):
        parts.append(f"{MARKS} (significant, p <= {ALPHA:g})")
    if baseline is not None and any(score.delta is not None for score in scores):
        parts.append(f"vs {baseline}: difference on the same images")
    if any(score.drop is not None for score in scores):
        parts.append("drop: lost against the method's own undistorted reference")
    if lower := [spec.title or spec.alias for spec in columns if not spec.higher_is_better]:
        parts.append(f"lower is better: {', '.join(lower)}")
    more = "intervals, medians, power, exact metrics and provenance: table=full"
    return ("; ".join(parts), more) if parts else (more,)


def _power(columns: Sequence[MetricSpec], sections: Sequence[Section]) -> list[str]:
    """One line on what this many images can show, or none where nothing is compared."""
    found = []
    sizes: list[int] = []
    for k, spec in enumerate(columns):
        known = [(c.difference.clusters, d) for c in _compared(k, spec, sections) if (d := c.detectable)]
        if known:
            sizes += [n for n, _ in known]
            smallest = [size for _, size in known]
            name, unit = spec.title or spec.alias, f" {spec.unit}" if spec.unit else ""
            found.append(f"{name} {_range(smallest, spec.decimals)}{unit}")
    if not found:
        return []
    spreads = "this spread" if len(sections) == 1 and len(sizes) == len(found) else "these spreads"
    return [
        f"power: with n = {_range(sizes, 0)} and {spreads} the smallest detectable difference is "
        f"{', '.join(found)} (found in 80 % of cases)"
    ]


def _range(numbers: Sequence[float], decimals: int) -> str:
    lo, hi = (f"{number:.{decimals}f}" for number in (min(numbers), max(numbers)))
    return lo if lo == hi else f"{lo} to {hi}"


def _compared(column: int, spec: MetricSpec, sections: Sequence[Section]) -> list[Comparison]:
    """The differences that a column shows; where it shows none, those of all methods to the first."""
    scores = [entry.scores[column] for section in sections for entry in section.entries]
    shown = [score.delta for score in scores if score.delta] or [s.drop for s in scores if s.drop]
    if shown:
        return shown
    found = []
    for section in sections:
        trials = [trials_of(entry.cell, spec.signature) for entry in section.entries]
        measured = [own for own in trials if own]
        pairs = [(own, measured[0]) for own in measured[1:] if own.keys() & measured[0].keys()]
        foresee_comparisons(pairs)
        found += [compare(*pair) for pair in pairs]
    return found
