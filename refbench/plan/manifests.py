"""What the plan decided of a cell, as its manifest records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from refbench.metrics import metric_facts
from refbench.plan.planner import Cell, Plan
from refbench.settings import RunConfig
from refbench.store import Manifest
from refbench.untrusted.redact import clean_config


def suite_controls(plan: Plan) -> dict[str, dict[str, str | None]]:
    """Run key -> suite -> protocol id of its control, in the order of the plan's suites."""
    found: dict[str, dict[str, str | None]] = {}
    for suite in plan.suites:
        for cell in suite.cells:
            found.setdefault(cell.key, {})[suite.name] = cell.control
    return found


def cell_manifest(
    cell: Cell,
    controls: Mapping[str, str | None],
    session: Mapping[str, Any],
) -> Manifest:
    """The manifest of a cell for the session that is about to run.

    controls: of each suite that the cell is run for.
    """
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
        suite=list(controls)[-1],
        controls=controls,
        baseline=cell.baseline,
        deterministic=spec.deterministic,
        dataset_count=cell.dataset_count,
        dataset_title=cell.dataset_title,
        dataset_total=cell.dataset_total,
        identity=cell.identity,
        compare=cell.compare_fields(),
        metrics=metric_facts(cell.job.metrics),
        weights_files=files,
        # which shard ran says its session, and how a table is printed is not a fact of the cell
        config=clean_config(plain(replace(cell.config, shard=None, table="brief")))
        if cell.config is not None
        else {},
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
