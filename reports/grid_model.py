"""A plain table for every format: texts for people, with the numbers that sorting needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbench.specs import MetricSpec
from refbench.stats.interval import Interval
from refbench.untrusted.escape import markdown_text


@dataclass(frozen=True)
class Field:
    """One entry."""

    text: str
    value: float | None = None
    """For sorting; None sorts by text."""


@dataclass(frozen=True)
class Grid:
    """A table that ranks nothing."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]
    notes: tuple[str, ...] = ()
    """Sentences on how to read it."""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Per column: whether it holds numbers, which are set flush right."""
        columns = [[row[k] for row in self.rows] for k in range(len(self.header))]
        return tuple(any(field.value is not None for field in column) for column in columns)

    def markdown(self) -> str:
        """The grid as a Markdown table under a heading."""
        lines = [f"### {markdown_text(self.title)}", ""]
        lines.append("| " + " | ".join(markdown_text(name) for name in self.header) + " |")
        lines.append("|" + "|".join("---:" if right else "---" for right in self.numeric) + "|")
        lines += ["| " + " | ".join(markdown_text(f.text) for f in row) + " |" for row in self.rows]
        lines += ["", *(f"- {markdown_text(note)}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"


def texts(*values: str) -> tuple[Field, ...]:
    """Fields without numbers."""
    return tuple(Field(value) for value in values)


def number(value: float | None, decimals: int, unit: str = "") -> Field:
    """A number, ``-`` for none."""
    if value is None:
        return Field("-")
    return Field(f"{value:.{decimals}f}{unit}", value)


def count(value: int) -> Field:
    """A whole number."""
    return Field(str(value), float(value))


def mean_field(interval: Interval, spec: MetricSpec, signed: bool = False) -> Field:
    """``26.54 [23.9, 28.1]``; with sign for differences."""
    if interval.mean is None:
        return Field("-")
    sign = "+" if signed else ""
    mean = f"{interval.mean:{sign}.{spec.decimals}f}"
    if float(mean) == 0.0:
        mean = mean.replace("-", sign)
    if interval.lo is None or interval.hi is None:
        return Field(mean, interval.mean)
    return Field(
        f"{mean} [{interval.lo:{sign}.{spec.decimals}f}, {interval.hi:{sign}.{spec.decimals}f}]",
        interval.mean,
    )


def nonempty(grids: Sequence[Grid]) -> tuple[Grid, ...]:
    """The grids that have rows."""
    return tuple(grid for grid in grids if grid.rows)
