"""``refbench audit``: every cell of results that somebody else made, level by level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refbench.auditing.consistent import check_consistent
from refbench.auditing.findings import CellAudit, TableAudit, exit_code
from refbench.auditing.rerun import Rerunner
from refbench.auditing.rescored import Rescorer
from refbench.errors import UserError
from refbench.metrics import MetricCatalog
from refbench.registry import Registry
from refbench.results.reopen import RecordedDatasets, opened
from refbench.store import find_runs, load_run
from refbench.store.manifest import MANIFEST

_ORDER = ("dataset_label", "seed", "protocol", "method_label", "run_key")


@dataclass
class AuditResult:
    """The audit of several cells."""

    cells: list[CellAudit]
    tables: TableAudit = field(default_factory=TableAudit)
    """Stored tables against the rows."""
    asked: int = 0
    """Trials per cell that were to be computed again."""

    @property
    def exit_code(self) -> int:
        """0 holds, 1 contradicted, 3 nothing could be checked (or computed again, where that was asked)."""
        return 1 if self.tables.contradictions else exit_code(self.cells, rerun=self.asked > 0)

    def json(self) -> dict[str, Any]:
        """The document of ``audit --json``."""
        return {
            "verdict": {0: "holds", 1: "contradicted", 3: "unchecked"}[self.exit_code],
            "cells": [cell.json() for cell in self.cells],
            "tables": self.tables.json(),
        }


def audit(
    places: Sequence[Path],
    registry: Registry,
    *,
    data_root: str | None = None,
    weights_root: Path | None = None,
    rerun: int = 0,
    device: str = "cpu",
    begin: Callable[[CellAudit], None] = lambda cell: None,
    tables: Callable[[Sequence[Path]], TableAudit] = lambda folders: TableAudit(),
) -> AuditResult:
    """Audit the cells in results folders, cell folders and bundles; nothing is written into them.

    data_root, weights_root: where dataset and checkpoints are here (a checkpoint file, too). rerun: trials of
    each cell to compute again. begin: called with each cell before it is checked. tables: compares stored
    tables. Raises UserError for a place without cells, and for a root that is not there.
    """
    for name, given in (("data.root", data_root), ("weights.root", weights_root)):
        if given is not None and not Path(given).expanduser().exists():
            raise UserError(f"{name}={given}: not there; name the place where it is on this machine")
    catalog = MetricCatalog.of(registry)
    rescorer = Rescorer(catalog, RecordedDatasets(registry, data_root))
    rerunner = Rerunner(registry, data_root, weights_root, device)
    cells: list[CellAudit] = []
    with opened(places) as folders:
        found = {folder.resolve(): folder for place in folders for folder in find_runs(place)}
        for folder in found.values():
            cell = CellAudit(folder)
            cells.append(cell)
            begin(cell)
            _one(cell, catalog, rescorer, rerunner, rerun)
        found_tables = tables(folders)
    cells.sort(key=lambda cell: [str(cell.labels()[k]) for k in _ORDER])
    return AuditResult(cells, found_tables, rerun)


def _one(cell: CellAudit, catalog: MetricCatalog, rescorer: Rescorer, rerunner: Rerunner, rerun: int) -> None:
    try:
        run = load_run(cell.folder)
    except UserError as error:
        cell.contradict(MANIFEST, "file", "a manifest", str(error).replace(f"{cell.folder}/", ""))
        return
    cell.manifest = run.manifest
    cell.rows, cell.ok = len(run.rows), len(run.completed())
    if not run.rows:
        cell.note("no rows")
    steps: list[Callable[[], None]] = [
        lambda: check_consistent(cell, run, catalog),
        lambda: rescorer.check(cell, run),
    ]
    for step in steps:
        try:
            step()
        # a manifest may hold anything where a field is not checked as it is read
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            cell.contradict(MANIFEST, "content", "what a run writes", f"{type(error).__name__}: {error}")
    if rerun and run.rows:
        rerunner.check(cell, run, rerun)
