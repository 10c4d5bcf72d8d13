"""What a finished cell is to the store (manifest, summary.json) and to tables (CellSummary)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from refbench.metrics import metric_facts
from refbench.plan.planner import Cell
from refbench.settings import RunConfig
from refbench.specs import MetricSpec
from refbench.stats.summary import CellSummary, summarise
from refbench.store import Manifest, SampleRow
from refbench.untrusted.redact import clean_config


def cell_manifest(cell: Cell, suite: str, session: Mapping[str, Any]) -> Manifest:
    """The manifest of a cell for the session that is about to run."""
    spec = cell.job.method.spec
    variant = spec.variant(cell.weights)
    listed = {f.role: f for f in variant.files} if variant is not None else {}
    files = tuple(
        {
            "role": role,
            "sha256": sha256,
            "name": listed[role].name if role in listed else "",
            "source": listed[role].source if role in listed else "",
            "licence": listed[role].licence if role in listed else "unknown",
        }
        for role, sha256 in cell.weights_files.items()
    )
    return Manifest(
        run_key=cell.key,
        method=cell.method,
        dataset=cell.dataset,
        protocol=cell.protocol.id,
        seed=cell.job.seed,
        method_label=cell.method_label,
        weights=cell.weights,
        dataset_label=cell.dataset_label,
        suite=suite,
        baseline=cell.baseline,
        identity=cell.identity,
        compare=cell.compare_fields(),
        metrics=metric_facts(cell.job.metrics),
        weights_files=files,
        # which shard ran says its session: the cell is the same for all of them
        config=clean_config(plain(replace(cell.config, shard=None))) if cell.config is not None else {},
        sessions=(session,),
        whole=whole(cell, str(session["study"])) if "shard" in session else None,
    )


def whole(cell: Cell, study: str) -> dict[str, Any]:
    """``Manifest.whole`` of a cell that shards carry out."""
    return {"samples": list(cell.ids), "draws": cell.protocol.draws, "study": study}


def plain(config: RunConfig) -> dict[str, Any]:
    """Run settings as plain JSON data."""

    def simple(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): simple(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [simple(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    data: dict[str, Any] = simple(asdict(config))
    return data


def costs(rows: Sequence[SampleRow]) -> dict[str, float]:
    """Mean seconds and CPU-side stage seconds per image, and the largest peak memory (MiB)."""
    ok = [row for row in rows if row.ok]
    found: dict[str, float] = {}
    timed = [row.seconds["method"] for row in ok if "method" in row.seconds]
    if timed:
        found["seconds"] = round(fmean(timed), 6)
    for name in dict.fromkeys(stage for row in ok for stage in row.stages):
        values = [row.stages[name]["seconds"] for row in ok if name in row.stages]
        present = [v for v in values if v is not None]
        if present:
            found[f"{name}_seconds"] = round(fmean(present), 6)
    peaks = [row.peak_mb for row in ok if row.peak_mb is not None]
    if peaks:
        found["peak_mb"] = max(peaks)
    return found


@dataclass(frozen=True)
class CellFacts:
    """What a cell is, apart from its rows: from the plan while it runs, from its manifest afterwards."""

    method: str
    weights: str
    method_label: str
    dataset: str
    dataset_label: str
    protocol: str
    baseline: bool
    run_key: str
    compare_key: Mapping[str, Any]
    control: str | None
    partial: str = ""
    """What a shard's cell lacks; stands in its dataset label, and so in every table, curve and file."""


_FAILURE = ("sample_id", "draw", "error", "error_kind", "attempts")


def scored(row: SampleRow) -> dict[str, Any]:
    """What a summary reads of a row. Not all of it: that would double the memory of a large cell's rows."""
    return {
        "sample_id": row.sample_id,
        "draw": row.draw,
        "status": row.status,
        "metrics": row.metrics,
        "special": row.special,
        "absent": row.absent,
    }


def cell_summary(
    facts: CellFacts, rows: Sequence[SampleRow], specs: Sequence[MetricSpec], rows_path: Path
) -> CellSummary:
    """What tables read of a cell with exactly the given rows and metrics."""
    summary = summarise([scored(row) for row in rows], specs)
    return CellSummary(
        method=facts.method,
        weights=facts.weights,
        method_label=facts.method_label,
        dataset=facts.dataset,
        dataset_label=f"{facts.dataset_label} [{facts.partial}]" if facts.partial else facts.dataset_label,
        protocol=facts.protocol,
        baseline=facts.baseline,
        n=summary.n,
        trials=summary.trials,
        errors=summary.errors,
        run_key=facts.run_key,
        rows_path=str(rows_path),
        metrics=summary.metrics,
        values=summary.values,
        compare_key=facts.compare_key,
        control=facts.control,
        failed=summary.failed,
        failures=tuple({name: getattr(row, name) for name in _FAILURE} for row in rows if not row.ok),
        costs=costs(rows),
        work=next((dict(row.work) for row in rows if row.ok and row.work), {}),
        partial=facts.partial,
    )


def summarise_cell(
    cell: Cell,
    rows: Sequence[SampleRow],
    rows_path: Path,
    partial: str = "",
) -> tuple[CellSummary, dict[str, Any]]:
    """(what tables read, the document for summary.json) of exactly the given rows.

    partial: what a shard's rows lack, see
    :func:`refbench.store.partial.partial_text`.
    """
    facts = CellFacts(
        method=cell.method,
        weights=cell.weights,
        method_label=cell.method_label,
        dataset=cell.dataset,
        dataset_label=cell.dataset_label,
        protocol=cell.protocol.id,
        baseline=cell.baseline,
        run_key=cell.key,
        compare_key=cell.compare_fields(),
        control=cell.control,
        partial=partial,
    )
    made = cell_summary(facts, rows, cell.job.metrics, rows_path)
    return made, summary_document(made, rows_path, cell.ids)


def stored_facts(manifest: Manifest, control: str | None, partial: str) -> CellFacts:
    """What a finished cell is, from its manifest."""
    return CellFacts(
        method=manifest.method,
        weights=manifest.weights,
        method_label=manifest.method_label or manifest.method,
        dataset=manifest.dataset,
        dataset_label=manifest.dataset_label or manifest.dataset,
        protocol=manifest.protocol,
        baseline=manifest.baseline,
        run_key=manifest.run_key,
        compare_key=manifest.compare,
        control=control,
        partial=partial,
    )


def summary_document(made: CellSummary, rows_path: Path, samples: Sequence[str]) -> dict[str, Any]:
    """The content of summary.json, but for the time; samples: the ids that were asked for."""
    document = made.json()
    document["rows"] = rows_path.name
    document["failed"] = list(made.failed)
    document["samples"] = list(samples)
    document["costs"] = dict(made.costs)
    return document
