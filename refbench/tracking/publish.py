"""From a run's outcome to the mirror: one parent run per command and suite, one child run per cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.results.drops import Drops, drop_document
from refbench.results.record import CellRecord
from refbench.store import Manifest
from refbench.tracking.charts import (
    level_curves,
    level_steps,
    method_scores,
    reference_curves,
    reference_steps,
    source_tags,
)
from refbench.tracking.images import dataset_profile, image_table
from refbench.tracking.mlflow_mirror import publish
from refbench.tracking.types import CellRunInfo, SuiteRunInfo, TrackingResult
from refbench.untrusted.escape import markdown_text

if TYPE_CHECKING:
    from refbench.execution.runner import RunOutcome
    from refbench.settings import RunConfig


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
        fingerprint = str(first.compare_key.get("dataset"))
        drops = Drops(suite.cells)
        info = SuiteRunInfo(
            suite.name, first.dataset, suite.dataset_label, fingerprint, suite.seed,
            own_tags={**source_tags(suite.cells), **level_steps(suite.cells), **reference_steps(suite.cells)},
            metrics=method_scores(suite.cells, drops),
            profile=dataset_profile(suite.cells),
            curves={**level_curves(suite.cells, drops), **reference_curves(suite.cells, drops)},
        )  # fmt: skip
        cells = [cell_info(cell, drops) for cell in suite.cells]
        report = None if write_report is None else partial(write_report, [cell.path for cell in suite.cells])
        results.append(publish(config.out, config.tracking_uri, info, cells, table, report))
    return results


def cell_info(cell: CellRecord, drops: Drops) -> CellRunInfo:
    """One child run."""
    # the scores first: MLflow draws the first metric of a comparison
    metrics: dict[str, float | None] = {}
    for alias, metric in cell.metrics.items():
        metrics[alias] = metric.mean
        metrics[f"{alias}.lo"] = metric.lo
        metrics[f"{alias}.hi"] = metric.hi
        drop = drop_document(drops.of(cell, metric.signature))
        if drop is not None:
            metrics |= {f"{alias}.drop": drop["mean"]}
            metrics |= {f"{alias}.drop.{end}": drop[end] for end in ("lo", "hi")}
    metrics |= {"n": float(cell.n), "trials": float(cell.trials), "errors": float(cell.errors)}
    manifest, parts = cell.manifest, cell.parts
    params = manifest.identity["params"]
    started, finished = session_times(manifest)
    return CellRunInfo(
        run_key=cell.run_key,
        folder=cell.path,
        method=cell.method,
        method_label=cell.method_label,
        weights=cell.weights,
        dataset=cell.dataset,
        dataset_label=cell.dataset_label,
        protocol=cell.protocol,
        seed=cell.seed,
        baseline=cell.baseline,
        # what stands side by side in MLflow's comparison; the protocol in full is in the manifest
        params={
            "method": {"name": cell.method, **{k: "default" if v is None else v for k, v in params.items()}},
            "weights": {"name": cell.weights, "sha256": manifest.identity["weights"]} if cell.weights else {},
            "precision": manifest.identity["precision"],
            "dataset": cell.dataset_label,
            "control": cell.control or "none",
            "card": parts.card if parts else "unknown",
            "reference": (parts.reference.id or "first") if parts else "unknown",
            "transform": (parts.transform or "none") if parts else "unknown",
            "level": (parts.level or "none") if parts else "unknown",
        },
        metrics=metrics | costs(cell),
        note=scores(cell),
        started=started,
        finished=finished,
        signatures={alias: metric.signature for alias, metric in cell.metrics.items()},
        tags={**source_tags([cell]), **({"digest": cell.digest} if cell.digest else {})},
        table=partial(image_table, cell),
    )


def costs(summary: CellRecord) -> dict[str, float | None]:
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


def scores(summary: CellRecord) -> str:
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


def session_times(manifest: Manifest) -> tuple[float | None, float | None]:
    """(start, end) of the cell's own work in the last session that wrote rows, in seconds since 1970, as far
    as they are known; the whole session's, which may be of many cells, where it did not record them."""
    sessions = manifest.sessions
    last = sessions[-1] if sessions else {}
    found = [last.get("first", last.get("started")), last.get("finished")]
    start, end = (datetime.fromisoformat(t).timestamp() if isinstance(t, str) else None for t in found)
    return start, end
