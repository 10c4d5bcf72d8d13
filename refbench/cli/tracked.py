"""What a command says about its mirror in MLflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.tracking.types import TrackingResult


def show_tracked(results: Iterable[TrackingResult], output: Output) -> None:
    """Where to look, each place once, or a warning why there is nothing."""
    places: dict[str, list[str]] = {}
    for result in results:
        if result.note:
            output.note(f"MLflow: {result.note}")
        if result.warning:
            output.note(f"warning: MLflow: {result.warning}")
        else:
            places.setdefault(result.ui_command or result.uri, []).append(str(result.run_id))
    for place, runs in places.items():
        output.line(
            f"MLflow  run {runs[0]}" if len(runs) == 1 else f"MLflow  {len(runs)} runs, one per suite"
        )
        output.line(f"        {place}")
