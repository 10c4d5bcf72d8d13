"""From a run's outcome to the mirror: one parent run a suite, one child run a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.store import read_manifest
from refbench.tracking.mlflow_mirror import publish
from refbench.tracking.types import CellRunInfo, SuiteRunInfo, TrackingResult
from refbench.untrusted.escape import markdown_text

if TYPE_CHECKING:
    from refbench.execution.runner import RunOutcome
    from refbench.plan.planner import Cell
    from refbench.settings import RunConfig
    from refbench.stats.summary import CellSummary


def publish_run(
    outcome: RunOutcome,
    config: RunConfig,
    tables: Sequence[str],
    write_report: Callable[[Sequence[Path], Path], None] | None = None,
) -> list[TrackingResult]:
    """Mirror every suite of ``outcome``. Failures come back as warnings, never as exceptions.

    ``tables``: one Markdown table per suite, in the outcome's order. ``write_report``: writes the report of
    run folders into a folder.
    """
    results = []
    for suite, table in zip(outcome.suites, tables, strict=True):
        first = suite.cells[0]
        info = SuiteRunInfo(suite.name, first.dataset, suite.dataset_label, first.fingerprint, suite.seed)
        cells = [
            cell_info(cell, summary, outcome)
            for cell, summary in zip(suite.cells, suite.summaries, strict=True)
        ]
        report = None if write_report is None else partial(write_report, [cell.folder for cell in cells])
        results.append(publish(config.out, config.tracking_uri, info, cells, table, report))
    return results


def cell_info(cell: Cell, summary: CellSummary, outcome: RunOutcome) -> CellRunInfo:
    """One child run."""
    # the scores first: MLflow draws the first metric of a comparison
    metrics: dict[str, float | None] = {}
    for alias, metric in summary.metrics.items():
        metrics[alias] = metric.mean
        metrics[f"{alias}.lo"] = metric.lo
        metrics[f"{alias}.hi"] = metric.hi
    metrics |= {"n": float(summary.n), "trials": float(summary.trials), "errors": float(summary.errors)}
    identity, instance = cell.identity, cell.protocol
    params = identity["params"]
    times = session_times(outcome.folders[cell.key])
    return CellRunInfo(
        run_key=cell.key,
        folder=outcome.folders[cell.key],
        method=cell.method,
        method_label=cell.method_label,
        weights=cell.weights,
        dataset=cell.dataset,
        dataset_label=cell.dataset_label,
        protocol=instance.id,
        seed=cell.job.seed,
        baseline=cell.baseline,
        # what stands side by side in MLflow's comparison; the protocol in full is in the manifest
        params={
            "method": {"name": cell.method, **{k: "default" if v is None else v for k, v in params.items()}},
            "weights": {"name": cell.weights, "sha256": identity["weights"]} if cell.weights else {},
            "precision": identity["precision"],
            "dataset": cell.dataset_label,
            "card": instance.card.id,
            "reference": instance.reference.id or "first",
            "transform": instance.transform or "none",
            "level": instance.level or "none",
        },
        metrics=metrics | costs(summary),
        note=scores(summary),
        started=times[0],
        finished=times[1],
        signatures={alias: metric.signature for alias, metric in summary.metrics.items()},
    )


def costs(summary: CellSummary) -> dict[str, float | None]:
    """Costs under names that say their unit, which MLflow has no other place for."""
    found: dict[str, float | None] = {}
    for name, value in summary.costs.items():
        if name == "peak_mb":
            found["cost.peak_mib"] = value
        else:
            found[f"cost.{name}_per_image"] = value
    flops = summary.work.get("flops")
    found["cost.gflop_per_image"] = None if flops is None else flops / 1e9
    found["cost.parameters"] = summary.work.get("parameters")
    return found


def scores(summary: CellSummary) -> str:
    """The scores as people read them: title, unit, interval."""
    lines = []
    for alias, metric in summary.metrics.items():
        digits, unit = metric.spec.decimals, metric.spec.unit
        name = markdown_text(metric.spec.title or alias)
        if metric.mean is None:
            lines.append(f"- {name}: absent, {markdown_text(metric.reason or 'no value')}")
            continue
        ends = ""
        if metric.lo is not None and metric.hi is not None:
            ends = f" [{metric.lo:.{digits}f}, {metric.hi:.{digits}f}]"
        lines.append(f"- {name}: {metric.mean:.{digits}f} {unit}".rstrip() + f"{ends}, n = {metric.n}")
    return "\n".join(lines)


def session_times(folder: Path) -> tuple[float | None, float | None]:
    """(start, end) of the last session that wrote rows, in seconds since 1970, as far as they are known."""
    sessions = read_manifest(folder).sessions
    last = sessions[-1] if sessions else {}
    found = [last.get(name) for name in ("started", "finished")]
    start, end = (datetime.fromisoformat(t).timestamp() if isinstance(t, str) else None for t in found)
    return start, end
