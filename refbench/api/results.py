"""What the front door returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from refbench.execution.runner import RunOutcome
    from refbench.reports.report import Report
    from refbench.reports.table_model import Table
    from refbench.results.record import CellRecord
    from refbench.tracking.types import TrackingResult


@dataclass(frozen=True)
class RunResult:
    """What a run left behind."""

    outcome: RunOutcome
    """Everything that the command line prints from."""
    tracked: tuple[TrackingResult, ...] = ()
    """What became of the MLflow mirror, one per suite."""
    places: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    """(dataset label, method label) -> the folder whose readable links lead to its cells."""

    @property
    def cells(self) -> tuple[CellRecord, ...]:
        """The record of every cell: method x dataset x protocol x seed."""
        return self.outcome.cells()

    @property
    def errors(self) -> int:
        """Trials that ended as an error row."""
        return self.outcome.errors

    def tables(self) -> list[Table]:
        """One comparison table per suite, as data."""
        from refbench.reports.table import comparison_table

        return [
            comparison_table(suite.cells, title=f"{suite.name} on {suite.dataset_label}")
            for suite in self.outcome.suites
        ]

    def table(self, *, full: bool = False) -> str:
        """The comparison tables as text: a line per method, or ``full`` with intervals and signatures."""
        from refbench.reports.table_text import render

        return "\n\n".join(render(table, full=full) for table in self.tables())

    def frame(self) -> pd.DataFrame:
        """One row per trial that was asked for, with a column per metric alias (``psnr_y``).

        The other columns are those of :func:`refbench.store.frame.load_frame`.
        """
        import pandas as pd

        from refbench.store.frame import frame_of
        from refbench.store.reader import load_run

        frames = []
        for cell in self.cells:
            # the labels of the record: they tell variants of one method apart
            run = load_run(cell.path)
            asked = set(cell.samples)
            frame = frame_of([run])
            frame = frame[frame["sample_id"].isin(asked)].assign(method_label=cell.method_label)
            frames.append(frame.rename(columns={m.signature: alias for alias, m in cell.metrics.items()}))
        return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True)
class ReportResult:
    """A report over finished cells."""

    report: Report
    """Every table, curve and grid as data."""
    files: tuple[Path, ...]
    """What was written."""
