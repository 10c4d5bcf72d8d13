"""Finished cells from any set of results and run folders, with what tables need of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.metrics import recorded_specs
from refbench.results.labels import distinct_labels
from refbench.results.protocol_parts import ProtocolParts, level_order, protocol_parts
from refbench.results.summaries import cell_summary, stored_facts
from refbench.specs import MetricSpec
from refbench.stats.summary import CellSummary
from refbench.store import Manifest, Run, find_runs, load_run, row_files


@dataclass(frozen=True)
class StoredCell:
    """One cell on disk and its summary over all rows that it has."""

    run: Run
    summary: CellSummary
    parts: ProtocolParts | None
    """None when the manifest records no protocol parameters: the cell is in tables, not in curves."""

    @property
    def manifest(self) -> Manifest:
        """What was run."""
        return self.run.manifest


@dataclass(frozen=True)
class StoredCells:
    """Everything a report is made from."""

    cells: tuple[StoredCell, ...]
    """Ordered as a table reads: dataset, seed, protocol (controls first, levels mild to strong), baseline."""
    specs: tuple[MetricSpec, ...]
    """The metrics of all cells, one per signature."""
    problems: tuple[str, ...]
    """Rows that could not be read, and cells without rows."""

    def summaries(self) -> list[CellSummary]:
        """The cells' summaries in order."""
        return [cell.summary for cell in self.cells]


def load_cells(places: Sequence[Path]) -> StoredCells:
    """Read every cell in the given results or run folders, each once.

    Raises UserError for a place that holds no run, and when no cell has a row.
    """
    folders = {folder.resolve(): folder for place in places for folder in find_runs(place)}
    runs = [load_run(folder) for folder in folders.values()]
    problems = [problem for run in runs for problem in run.problems]
    problems += [f"{run.path}: no rows yet, left out" for run in runs if not run.rows]
    runs = _unique([run for run in runs if run.rows], problems)
    if not runs:
        shown = ", ".join(str(place) for place in places)
        raise UserError(f"{shown}: no finished rows to report; let a run finish first")
    labelled = distinct_labels([run.manifest for run in runs])
    runs = [replace(run, manifest=manifest) for run, manifest in zip(runs, labelled, strict=True)]
    specs = all_specs([run.manifest for run in runs])
    cells = [_stored(run) for run in runs]
    return StoredCells(tuple(sorted(cells, key=_order)), specs, tuple(problems))


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


def _stored(run: Run) -> StoredCell:
    manifest, parts = run.manifest, protocol_parts(run.manifest.compare)
    facts = stored_facts(manifest, parts.control if parts is not None else None, run.partial)
    files = row_files(run.path)
    rows_path = files[0] if files else run.path
    return StoredCell(run, cell_summary(facts, run.rows, recorded_specs(manifest.metrics), rows_path), parts)


def all_specs(manifests: Sequence[Manifest]) -> tuple[MetricSpec, ...]:
    """The metrics that the manifests record, one per signature."""
    specs: dict[str, MetricSpec] = {}
    for manifest in manifests:
        for spec in recorded_specs(manifest.metrics):
            specs.setdefault(spec.signature, spec)
    return tuple(specs.values())


def _order(cell: StoredCell) -> tuple[Any, ...]:
    summary, parts = cell.summary, cell.parts
    seed = summary.compare_key.get("seed")
    place: tuple[Any, ...] = (2, summary.protocol)
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
        summary.dataset_label,
        str(summary.compare_key.get("dataset")),
        seed if isinstance(seed, int) else 0,
        place,
        summary.protocol,
        not summary.baseline,
        summary.method_label,
        summary.run_key,
    )


def _reference_rank(name: str) -> int:
    order = (
        "first", "level", "count", "all", "hr", "lr", "other", "foreign", "noise", "shuffled", "constant"
    )  # fmt: skip
    return order.index(name) if name in order else len(order)
