"""One-way mirror of finished cells to MLflow; the results store stays the truth."""

from __future__ import annotations

from refbench.tracking.types import CellRunInfo, SuiteRunInfo, TrackingResult

__all__ = ["CellRunInfo", "SuiteRunInfo", "TrackingResult"]
