"""Scores that were added to a finished run: one line per trial, keyed (sample id, draw, signature)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from refbench.store.row import SampleRow, TrialKey, finite_metrics
from refbench.untrusted.schema import Count, SchemaError, read

SCORE_SCHEMA = 1


@dataclass(frozen=True)
class ScoreRow:
    """Metric values of one trial, computed from its kept image."""

    sample_id: str
    """Id of the sample."""
    draw: Count
    """Draw of the protocol."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Value per signature, finite or None, as in SampleRow."""
    special: Mapping[str, str] = field(default_factory=dict)
    """Signature -> ``inf``, ``-inf`` or ``nan``."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Metric alias -> why it could not be computed."""
    present: tuple[str, ...] = ()
    """Aliases of ``metrics``: a reason that the row gives for their absence no longer holds."""
    schema: Count = SCORE_SCHEMA
    """Version of this layout."""

    def __post_init__(self) -> None:
        metrics, special = finite_metrics(self.metrics, self.special)
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "special", special)

    @property
    def key(self) -> TrialKey:
        """(sample id, draw)."""
        return (self.sample_id, self.draw)

    def to_json(self) -> str:
        """One line of ASCII JSON without a line end."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"), allow_nan=False)

    @staticmethod
    def from_json(line: str | bytes) -> ScoreRow:
        """Read one line. Raises SchemaError with the reason."""
        row = read(ScoreRow, line)
        if row.schema > SCORE_SCHEMA:
            raise SchemaError(f"schema {row.schema} is newer than this refbench reads ({SCORE_SCHEMA})")
        return row


def with_scores(row: SampleRow, score: ScoreRow) -> SampleRow:
    """``row`` with the values and reasons of ``score`` instead of its own."""
    special = {k: v for k, v in row.special.items() if k not in score.metrics}
    absent = {k: v for k, v in row.absent.items() if k not in score.present}
    return dataclasses.replace(
        row,
        metrics={**row.metrics, **score.metrics},
        special={**special, **score.special},
        absent={**absent, **score.absent},
    )
