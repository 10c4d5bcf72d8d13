"""From a run's outcome to the mirror: one parent run a suite, one child run a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from refbench.tracking.mlflow_mirror import publish
from refbench.tracking.types import CellRunInfo, SuiteRunInfo, TrackingResult

if TYPE_CHECKING:
    from refbench.plan import Cell
    from refbench.runner import RunOutcome
    from refbench.settings import RunConfig
    from refbench.stats.summary import CellSummary


def publish_run(outcome: RunOutcome, config: RunConfig, tables: Sequence[str]) -> list[TrackingResult]:
    """Mirror every suite of ``outcome``. Failures come back as warnings, never as exceptions.

    ``tables``: one Markdown table per suite, in the outcome's order.
    """
    results = []
    for suite, table in zip(outcome.suites, tables, strict=True):
        first = suite.cells[0]
        info = SuiteRunInfo(suite.name, first.dataset, suite.dataset_label, first.fingerprint, suite.seed)
        cells = [
            cell_info(cell, summary, outcome)
            for cell, summary in zip(suite.cells, suite.summaries, strict=True)
        ]
        results.append(publish(config.out, config.tracking_uri, info, cells, table))
    return results


def cell_info(cell: Cell, summary: CellSummary, outcome: RunOutcome) -> CellRunInfo:
    """One child run."""
    metrics: dict[str, float | None] = {
        "n": float(summary.n), "trials": float(summary.trials), "errors": float(summary.errors)
    }  # fmt: skip
    for alias, metric in summary.metrics.items():
        metrics[alias] = metric.mean
        metrics[f"{alias}.lo"] = metric.lo
        metrics[f"{alias}.hi"] = metric.hi
    metrics |= {f"cost.{name}": value for name, value in {**summary.costs, **summary.work}.items()}
    identity = cell.identity
    return CellRunInfo(
        run_key=cell.key,
        folder=outcome.folders[cell.key],
        method=cell.method,
        method_label=cell.method_label,
        weights=cell.weights,
        dataset=cell.dataset,
        dataset_label=cell.dataset_label,
        protocol=cell.protocol.id,
        seed=cell.job.seed,
        baseline=cell.baseline,
        params={
            "method": identity["params"],
            "weights": identity["weights"],
            "precision": identity["precision"],
            "protocol": identity["protocol"],
        },
        metrics=metrics,
        signatures={alias: metric.signature for alias, metric in summary.metrics.items()},
    )
