"""Publishing to MLflow: parent run = one command on a suite, child run = cell, idempotent by run key.

Called by the parent process only, after the rows are on disk. A mirror that fails is a warning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from refbench import __version__
from refbench.identity.file_digest import file_sha256
from refbench.identity.keys import digest
from refbench.results.set_scores import SETS
from refbench.store.cell import SUMMARY
from refbench.store.linelog import files_of
from refbench.store.manifest import DIGEST, MANIFEST
from refbench.store.reader import ROWS, SCORES
from refbench.tracking.guard import mirrored
from refbench.tracking.local import local_uri, published_before, ui_command
from refbench.tracking.store import NOTE, PARENT, PUBLISHED, SOURCE, TrackingStore, flat
from refbench.tracking.types import CellRunInfo, SuiteRunInfo, TrackingResult
from refbench.untrusted.redact import without_credentials

EXPERIMENT = "refbench"
SUITE_KEY, COMMAND_KEY, CELL_KEY = "refbench.suite_key", "refbench.command_key", "refbench.cell_key"
REPORT = "report"
"""Artifact folder of the parent run."""

PER_IMAGE = "per_image.json"
"""Artifact of a child: its rows as MLflow's tables have them."""

WriteReport = Callable[[Path], None]
"""Writes the files of a report into a folder."""


def publish(
    out: Path,
    uri: str | None,
    suite: SuiteRunInfo,
    cells: Sequence[CellRunInfo],
    table_markdown: str,
    report: WriteReport | None = None,
) -> TrackingResult:
    """Mirror one suite's finished cells; a second call with the same cells updates the same runs, and other
    cells make another parent run.

    uri: a tracking server, or None for SQLite inside ``out``. table_markdown: the comparison table,
    attached to the parent run and shown as its description. report: makes the files that are attached in
    the folder ``report``; called only when something is new. Never raises for a failing mirror: the result
    then carries a warning.
    """
    content = _content(suite, cells, table_markdown)
    there = published_before(out, command_key(suite, cells), content) if uri is None else None
    if there is not None:
        return TrackingResult(without_credentials(local_uri(out)), there[0], there[1], ui_command(out))

    def write(store: TrackingStore) -> str:
        parent = _suite(store, suite, cells, table_markdown)
        for cell in cells:
            _cell(store, suite, parent, cell, command_key(suite, cells))
        if report is not None:
            with TemporaryDirectory(prefix="refbench-report-") as folder:
                report(Path(folder))
                store.client.log_artifacts(parent, folder, REPORT)
        store.finish(parent, content, max((c.finished for c in cells if c.finished), default=None))
        return parent

    return mirrored(out, uri, EXPERIMENT, "the rows are on disk", write)


def _suite(store: TrackingStore, suite: SuiteRunInfo, cells: Sequence[CellRunInfo], table: str) -> str:
    """Create or update the parent run; returns its id."""
    own = command_key(suite, cells)
    run = store.find(COMMAND_KEY, own)
    tags = {
        **suite.tags,
        **suite.own_tags,
        "kind": "suite",
        "suite": suite.suite,
        "dataset": suite.dataset,
        "dataset_label": suite.dataset_label,
        "seed": str(suite.seed),
        "method": ", ".join(sorted({cell.method for cell in cells})),
        "label": ", ".join(dict.fromkeys(cell.method_label for cell in cells)),
        SUITE_KEY: suite_key(suite),
        COMMAND_KEY: own,
        # empty until everything is written, see TrackingStore.finish
        PUBLISHED: "",
        NOTE: table,
        **SOURCE,
        "mlflow.source.name": "refbench run",
    }
    counts = {name: sum(cell.metrics.get(name) or 0.0 for cell in cells) for name in ("trials", "errors")} | {
        "cells": float(len(cells))
    }
    compared = dict.fromkeys(cell.method_label for cell in cells if not cell.baseline)
    name = f"{suite.suite} on {suite.dataset_label}" + (f", seed {suite.seed}" if suite.seed else "")
    name += f": {', '.join(compared)}" if compared else ""
    params = {"suite": suite.suite, "dataset": suite.dataset_label, "seed": suite.seed}
    started = min((c.started for c in cells if c.started), default=None)
    run_id = store.write(run, name, tags, params, {**suite.metrics, **counts}, started)
    store.curves(run_id, suite.curves)
    if run is None:
        store.dataset(run_id, suite.dataset_label, suite.fingerprint, suite.dataset, suite.profile)
    store.client.log_text(run_id, table, "table.md")
    return run_id


def _cell(store: TrackingStore, suite: SuiteRunInfo, parent: str, cell: CellRunInfo, command: str) -> None:
    """Create or update the child run of a cell."""
    own = f"{cell.run_key}@{command}"
    run = store.find(CELL_KEY, own)
    tags = {
        **suite.tags,
        **cell.tags,
        PARENT: parent,
        "kind": "cell",
        "suite": suite.suite,
        "method": cell.method,
        "method_label": cell.method_label,
        "weights": cell.weights,
        "dataset": cell.dataset,
        "dataset_label": cell.dataset_label,
        "protocol": cell.protocol,
        "seed": str(cell.seed),
        "baseline": str(cell.baseline).lower(),
        "run_key": cell.run_key,
        CELL_KEY: own,
        NOTE: cell.note,
        **SOURCE,
        "mlflow.source.name": "refbench run",
        **{f"signature.{alias}": text for alias, text in cell.signatures.items()},
    }
    params = {"protocol": cell.protocol, "seed": cell.seed, **flat(cell.params)}
    name = f"{cell.method_label} | {cell.protocol}"
    run_id = store.write(run, name, tags, params, cell.metrics, cell.started)
    if run is None:
        store.dataset(run_id, cell.dataset_label, suite.fingerprint, cell.dataset, suite.profile)
    new = store.attach(run_id, _files(cell), {} if run is None else run.data.tags)
    if cell.table is not None and any(path.name.startswith((ROWS, SCORES)) for path in new):
        store.table(run_id, cell.table(), PER_IMAGE)
    store.end(run_id, cell.finished)


def suite_key(suite: SuiteRunInfo) -> str:
    """What the parent runs of all commands on one suite, dataset and seed share."""
    return digest([suite.suite, suite.dataset_label, suite.fingerprint, suite.seed])[:20]


def command_key(suite: SuiteRunInfo, cells: Sequence[CellRunInfo]) -> str:
    """What makes two publications the same parent run: the same command with the same code and weights."""
    return digest([suite_key(suite), sorted(cell.run_key for cell in cells)])[:20]


def _files(cell: CellRunInfo) -> list[Path]:
    """What is attached to a cell's run."""
    own = [cell.folder / name for name in (MANIFEST, SUMMARY, SETS, DIGEST)]
    logs = [path for name in (ROWS, SCORES) for path in files_of(cell.folder, name)]
    return [path for path in (*logs, *own, *cell.files) if path.is_file()]


def _content(suite: SuiteRunInfo, cells: Sequence[CellRunInfo], table: str) -> str:
    """Digest of everything that one publication is made from, this version of the report included."""
    files = [[_stable_digest(path) for path in _files(cell)] for cell in cells]
    return hashlib.sha256(repr((__version__, suite, list(cells), table, files)).encode()).hexdigest()


def _stable_digest(path: Path) -> str:
    """Digest of a file; of a summary without the time when it was made, which every repetition changes."""
    if path.name != SUMMARY:
        return file_sha256(path)
    try:
        data = json.loads(path.read_bytes())
    except ValueError:
        return file_sha256(path)
    return digest({**data, "finished": ""} if isinstance(data, dict) else data)
