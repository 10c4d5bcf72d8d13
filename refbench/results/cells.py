"""Finished cells from any set of results and run folders, with what tables need of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.metrics import recorded_specs
from refbench.results.audits import audited
from refbench.results.labels import distinct_labels
from refbench.results.protocol_parts import level_order
from refbench.results.record import CellRecord, cell_record
from refbench.specs import MetricSpec
from refbench.store import Manifest, Run, find_runs, load_run
from refbench.store.manifest import MANIFEST_SCHEMA


@dataclass(frozen=True)
class FinishedCells:
    """Everything a report is made from."""

    cells: tuple[CellRecord, ...]
    """Ordered as a table reads: dataset, seed, protocol (controls first, levels mild to strong), baseline."""
    specs: tuple[MetricSpec, ...]
    """The metrics of all cells, one per signature."""
    problems: tuple[str, ...]
    """Rows that could not be read, and cells without rows."""


def load_cells(places: Sequence[Path], audits: Mapping[str, str] | None = None) -> FinishedCells:
    """Read every cell in the given results or run folders, each once.

    audits: by record digest, what ``refbench audit`` found (refbench.results.audits); a cell that was changed
    since is not among them. Raises UserError for a place that holds no run, and when no cell has a row.
    """
    folders = {folder.resolve(): folder for place in places for folder in find_runs(place)}
    runs = [load_run(folder) for folder in folders.values()]
    problems = [problem for run in runs for problem in run.problems]
    problems += [f"{run.path}: no rows yet, left out" for run in runs if not run.rows]
    problems += [
        f"{run.path}: run schema 1 (an earlier refbench) records no control: shown without drops; rerun it"
        for run in runs
        if run.manifest.schema < MANIFEST_SCHEMA
    ]
    runs = _unique([run for run in runs if run.rows], problems)
    if not runs:
        shown = ", ".join(str(place) for place in places)
        raise UserError(f"{shown}: no finished rows to report; let a run finish first")
    specs = all_specs([run.manifest for run in runs])
    cells = distinct_labels([audited(cell_record(run), audits or {}) for run in runs])
    return FinishedCells(tuple(sorted(cells, key=_order)), specs, tuple(problems))


def _unique(runs: Sequence[Run], problems: list[str]) -> list[Run]:
    """Each run key once, the copy with most finished rows: a copied results folder adds no second method."""
    kept: dict[str, Run] = {}
    for run in runs:
        key = run.manifest.run_key
        there = kept.get(key)
        if there is None:
            kept[key] = run
            continue
        more, less = (run, there) if len(run.completed()) > len(there.completed()) else (there, run)
        kept[key] = more
        join = "; join shards with refbench merge" if less.partial or more.partial else ""
        problems.append(f"{less.path}: the same run as {more.path}, left out{join}")
    return list(kept.values())


def all_specs(manifests: Sequence[Manifest]) -> tuple[MetricSpec, ...]:
    """The metrics that the manifests record, one per signature."""
    specs: dict[str, MetricSpec] = {}
    for manifest in manifests:
        for spec in recorded_specs(manifest.metrics):
            specs.setdefault(spec.signature, spec)
    return tuple(specs.values())


def _order(cell: CellRecord) -> tuple[Any, ...]:
    parts = cell.parts
    place: tuple[Any, ...] = (2, cell.protocol)
    if parts is not None:
        levels = level_order(parts.transform) if parts.transform else None
        level = levels.index(parts.level) if levels and parts.level in levels else 0
        reference = parts.reference
        place = (
            1 if parts.transform else 0,
            parts.card != "canonical@1",
            parts.card,
            parts.transform or "",
            _reference_rank(reference.name),
            reference.order or "",
            reference.level or reference.count or 0,
            level,
            parts.level or "",
        )
    return (
        cell.dataset_label,
        str(cell.compare_key.get("dataset")),
        cell.seed,
        place,
        cell.protocol,
        not cell.baseline,
        cell.method_label,
        cell.run_key,
    )


def _reference_rank(name: str) -> int:
    order = (
        "first", "level", "count", "all", "hr", "lr", "other", "foreign", "noise", "shuffled", "constant"
    )  # fmt: skip
    return order.index(name) if name in order else len(order)
