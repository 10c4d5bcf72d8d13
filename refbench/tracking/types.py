"""What is published to a tracking server, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SuiteRunInfo:
    """The parent run: what one command ran of one suite, on one dataset with one seed."""

    suite: str
    """Plain id of the suite: ``cufed5_jitter``."""
    dataset: str
    """Plain id of the dataset."""
    dataset_label: str
    """What tables show: ``cufed5-sample``."""
    fingerprint: str
    """Fingerprint of the dataset; other images make another parent run."""
    seed: int = 0
    """Seed of the protocols."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further tags of the parent and its children, e.g. a label that the user gave."""
    own_tags: Mapping[str, str] = field(default_factory=dict)
    """Further tags of the parent alone: the commit of the user's repository, what the steps of curves are."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """``psnr_y.datsr_compact``: what the list of runs is sorted by; None and non-finite are left out."""
    profile: Mapping[str, int] = field(default_factory=dict)
    """Extent of the dataset: ``num_rows`` samples."""
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    """``psnr_y.datsr_compact.jitter`` -> (step, value) of each level."""


@dataclass(frozen=True)
class CellRunInfo:
    """A child run: one finished cell."""

    run_key: str
    """Full run key (64 hex digits)."""
    folder: Path
    """The cell's folder in the results folder."""
    method: str
    """Plain id of the method."""
    method_label: str
    """What tables show: ``datsr (compact)``."""
    weights: str
    """Weights variant; empty for a method without weights."""
    dataset: str
    """Plain id of the dataset."""
    dataset_label: str
    """What tables show."""
    protocol: str
    """Protocol instance: ``canonical@1+jitter@1[level=x2]``."""
    seed: int = 0
    """Seed of the protocol."""
    baseline: bool = False
    """True for the baseline of a comparison."""
    params: Mapping[str, object] = field(default_factory=dict)
    """What is fixed by the run key: method parameters, precision, weights sha256 (nested is flattened)."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """``psnr_y``, ``psnr_y.lo``, ``psnr_y.hi``, ``trials``, ``errors``; None and non-finite are left out."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """Metric alias -> signature, kept as tags."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Further tags: the commit of the user's repository."""
    note: str = ""
    """Description in Markdown: the scores with their units, which metric names do not hold."""
    started: float | None = None
    """When its last session began, seconds since 1970; None: not known."""
    finished: float | None = None
    """When that session ended."""
    files: tuple[Path, ...] = ()
    """Files to attach besides rows, manifest and summary."""
    table: Callable[[], Mapping[str, Sequence[str | float | None]]] | None = field(
        default=None, repr=False, compare=False
    )
    """Makes the table with a row per image (column -> values); its source are the rows among the files."""


@dataclass(frozen=True)
class TrackingResult:
    """What became of the mirror. ``warning`` is set when it failed; the rows on disk are not affected."""

    uri: str
    """Tracking address, without credentials."""
    experiment_id: str | None = None
    """Experiment that holds the runs."""
    run_id: str | None = None
    """The parent run."""
    ui_command: str | None = None
    """Shell command that shows a local mirror; None for a server."""
    warning: str | None = None
    """One line saying why the mirror is missing or incomplete."""
    note: str = ""
    """One line saying what was put right on the way."""
