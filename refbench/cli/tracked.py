"""What a command says about its mirror in MLflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.tracking.types import TrackingResult


def show_tracked(results: Iterable[TrackingResult], output: Output) -> None:
    """One line each: where to look, or a warning why there is nothing."""
    for result in results:
        if result.note:
            output.note(f"MLflow: {result.note}")
        if result.warning:
            output.note(f"warning: MLflow: {result.warning}")
        else:
            where = f"look at it with: {result.ui_command}" if result.ui_command else result.uri
            output.line(f"MLflow  run {result.run_id}; {where}")
