"""The comparison table as data: sections of methods under one dataset and protocol, columns of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.paired import Comparison
from refbench.stats.summary import MetricSummary

Tone = Literal["", "gain", "loss"]
"""What a significant difference is painted as; see :func:`refbench.stats.ranking.significant`."""


@dataclass(frozen=True)
class Score:
    """One method's entry in one metric's column."""

    summary: MetricSummary | None
    """None: this cell was not asked for this metric."""
    mark: Literal["", "best", "second"] = ""
    """Only where it is significant within the section's column."""
    delta: Comparison | None = None
    """Paired difference to the baseline method, this minus baseline; None for the baseline itself."""
    drop: Comparison | None = None
    """Quality lost against the method's own control, positive is worse; None without a control."""
    delta_tone: Tone = ""
    """``gain`` or ``loss`` where the delta is significant within the section's column, else empty."""
    drop_tone: Tone = ""
    """The same of the drop."""
    note: int | None = None
    """Number of the footnote that says what is missing."""


@dataclass(frozen=True)
class Entry:
    """One method in a section."""

    cell: CellRecord
    scores: tuple[Score, ...]
    """One per column of the table."""


@dataclass(frozen=True)
class Section:
    """Methods that were measured under one compare key: only these are ranked against each other."""

    dataset_label: str
    protocol: str
    seed: Any
    compare_key: Mapping[str, Any]
    """What every entry shares: dataset fingerprint, protocol with its parameters, seed."""
    control: bool
    """True when other sections measure their drop from this one."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Table:
    """Methods x protocols, with the notes that make it readable on its own."""

    title: str
    columns: tuple[MetricSpec, ...]
    sections: tuple[Section, ...]
    baseline: str | None
    """Label of the method that the deltas refer to."""
    notes: tuple[str, ...]
    """Numbered from 1: why values are absent, why something is not ranked."""
    footer: tuple[str, ...]
    """How to read the table: marks, intervals, signatures, protocol versions."""
    provenance: tuple[str, ...] = ()
    """Where the rows come from, in sentences, and the command lines that repeat them."""
    brief: tuple[str, ...] = ()
    """How to read its brief form, which has means, differences and marks only."""
