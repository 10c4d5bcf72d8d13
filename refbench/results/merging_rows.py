"""One row per trial out of several folders of one cell, and what is said when they contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isclose
from pathlib import Path

from refbench.errors import UserError
from refbench.store import Manifest, Run, SampleRow, ScoreRow, TrialKey

RELATIVE = 1e-5
"""Two values of one trial that differ by less than this part are rounding of another processor: 0.0003 dB."""
ABSOLUTE = 1e-6
"""The same for values near zero."""
_DIGESTS = ("hr_sha256", "lr_sha256", "ref_sha256")


@dataclass
class JoinedRows:
    """The rows of one cell over all its folders."""

    rows: dict[TrialKey, SampleRow] = field(default_factory=dict)
    """The good row of the first folder that has one, else an error row; with every folder's scores."""
    sources: dict[TrialKey, Path] = field(default_factory=dict)
    """The folder that it came from: that of its image."""
    repeated: int = 0
    """Trials that stood as good rows in more than one folder."""

    def score_for(self, old: SampleRow, manifest: Manifest) -> ScoreRow | None:
        """What ``old``, a row of the target, lacks of its joined row; None when nothing."""
        joined = self.rows[old.key]
        metrics = {name: value for name, value in joined.metrics.items() if name not in old.metrics}
        if not metrics:
            return None
        signatures = {str(facts.get("signature")): alias for alias, facts in manifest.metrics.items()}
        return ScoreRow(
            old.sample_id,
            old.draw,
            metrics=metrics,
            special={name: text for name, text in joined.special.items() if name in metrics},
            present=tuple(signatures[name] for name in metrics if name in signatures),
        )


def join_rows(runs: Sequence[Run]) -> JoinedRows:
    """The rows of one cell, joined. Raises UserError naming trial, metric and folders of a contradiction."""
    joined = JoinedRows()
    seen: set[TrialKey] = set()
    for run in runs:
        for row in run.rows:
            there = joined.rows.get(row.key)
            if there is None or (row.ok and not there.ok):
                joined.rows[row.key], joined.sources[row.key] = row, run.path
            elif row.ok:
                _require_equal(there, joined.sources[row.key], row, run)
                seen.add(row.key)
                joined.rows[row.key] = _with_more(there, row)
    joined.repeated = len(seen)
    return joined


def _with_more(row: SampleRow, other: SampleRow) -> SampleRow:
    """``row`` with the scores that only ``other`` has."""
    more = {name: value for name, value in other.metrics.items() if name not in row.metrics}
    if not more:
        return row
    special = {name: text for name, text in other.special.items() if name in more}
    absent = {name: why for name, why in row.absent.items() if name in other.absent}
    return replace(row, metrics={**row.metrics, **more}, special={**row.special, **special}, absent=absent)


def _require_equal(a: SampleRow, a_folder: Path, b: SampleRow, run: Run) -> None:
    for name, value in a.metrics.items():
        if name in b.metrics and not _same(value, b.metrics[name], a.special.get(name), b.special.get(name)):
            _contradiction(a, name, value, b.metrics[name], a_folder, run)
    # what the trial was made of must agree, too; times and memory may not
    for field_name in ("ref_names", "hr_size", "lr_size", "notes", *_DIGESTS):
        left, right = getattr(a, field_name), getattr(b, field_name)
        # rows of an earlier refbench have no digests
        if left != right and (field_name not in _DIGESTS or (left and right)):
            _contradiction(a, field_name, left, right, a_folder, run)


def _same(a: float | None, b: float | None, a_special: str | None, b_special: str | None) -> bool:
    if a is None or b is None:
        return a is b and a_special == b_special
    return isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _contradiction(row: SampleRow, name: str, a: object, b: object, folder: Path, run: Run) -> None:
    alias = next((k for k, m in run.manifest.metrics.items() if m.get("signature") == name), name)
    label = run.manifest.method_label or run.manifest.method
    raise UserError(
        f"{label}, {run.manifest.protocol}, {row.sample_id} draw {row.draw}: {alias} is {a} in {folder} "
        f"and {b} in {run.path}; both cannot hold: leave one of the folders out"
    )
