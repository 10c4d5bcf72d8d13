"""Scores that were added to a finished run: one line per trial, keyed (sample id, draw, signature)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from refbench.store import checks
from refbench.store.row import SampleRow, TrialKey

SCORE_SCHEMA = 1


@dataclass(frozen=True)
class ScoreRow:
    """Metric values of one trial, computed from its kept image."""

    sample_id: str
    """Id of the sample."""
    draw: int
    """Draw of the protocol."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Value per signature, finite or None, as in SampleRow."""
    special: Mapping[str, str] = field(default_factory=dict)
    """Signature -> ``inf``, ``-inf`` or ``nan``."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Metric alias -> why it could not be computed."""
    present: tuple[str, ...] = ()
    """Aliases of ``metrics``: a reason that the row gives for their absence no longer holds."""
    schema: int = SCORE_SCHEMA
    """Version of this layout."""

    def __post_init__(self) -> None:
        metrics, special = checks.finite_metrics(self.metrics, self.special)
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
        """Read one line. Raises RowError with the reason."""
        data = checks.parse_object(line)
        schema = checks.count(data.get("schema", 1), "schema")
        if schema > SCORE_SCHEMA:
            raise checks.RowError(f"schema {schema} is newer than this refbench reads ({SCORE_SCHEMA})")
        return ScoreRow(
            sample_id=checks.text(data.get("sample_id"), "sample_id"),
            draw=checks.count(data.get("draw"), "draw"),
            metrics=checks.numbers_or_none(data.get("metrics", {}), "metrics"),
            special=checks.texts(data.get("special", {}), "special"),
            absent=checks.texts(data.get("absent", {}), "absent"),
            present=checks.text_list(data.get("present", []), "present"),
        )


def with_scores(row: SampleRow, score: ScoreRow) -> SampleRow:
    """``row`` with the values and reasons of ``score`` in the place of its own."""
    special = {k: v for k, v in row.special.items() if k not in score.metrics}
    absent = {k: v for k, v in row.absent.items() if k not in score.present}
    return dataclasses.replace(
        row,
        metrics={**row.metrics, **score.metrics},
        special={**special, **score.special},
        absent={**absent, **score.absent},
    )
