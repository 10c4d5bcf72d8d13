"""Results for a model repository on Hugging Face: ``.eval_results/*.yaml``.

The layout is that of https://huggingface.co/docs/hub/eval-results: a list of entries with the benchmark's
dataset and task, the value, and optionally date, source and notes. One entry has one number, so there is a
file for each cell, with one metric; everything else goes into its notes or is listed as not mapped.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from refbench import __version__
from refbench.errors import UserError, unknown
from refbench.exchange import Exported, ExportRequest
from refbench.exchange.chosen import cells_of, main_metric, place, undistorted
from refbench.exchange.evidence import audit_level
from refbench.exchange.names import file_stem
from refbench.files.disk import explained, write_atomic
from refbench.results.record import CellRecord
from refbench.untrusted.escape import printable

FOLDER = ".eval_results"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def export(request: ExportRequest) -> Exported:
    """Write ``out/.eval_results/<cell>.yaml``; baselines are left out, being other models. UserError."""
    hub, source = request.text("hf.dataset"), request.text("hf.source")
    if not _HUB.fullmatch(hub):
        raise UserError(
            f"hf.dataset={hub or ''}: name the benchmark's dataset on the Hub as USER/NAME; "
            "refbench knows of none"
        )
    if source and not source.startswith("https://"):
        raise UserError(f"hf.source={source}: is not an https address")
    cells = cells_of(request)
    own = [cell for cell in cells if not cell.baseline] or list(cells)
    protocol = request.text("protocol")
    chosen = [cell for cell in own if cell.protocol == protocol] if protocol else undistorted(own, cells)
    if not chosen:
        raise unknown("protocol of these runs", protocol, [cell.protocol for cell in own])
    unmapped = [
        f"{place(cell)}: left out, a task has one value for each model"
        + (", and this is the baseline" if cell.baseline else "; protocol= chooses another")
        for cell in cells
        if all(cell is not other for other in chosen)
    ]
    files = []
    for cell in chosen:
        spec = main_metric(cell, request.text("metric"))
        others = [alias for alias, m in cell.metrics.items() if alias != spec.alias and m.mean is not None]
        if others:
            unmapped.append(f"{place(cell)}: {', '.join(others)}: an entry has one value; metric= chooses it")
        path = request.out / FOLDER / f"{file_stem(cell)}.yaml"
        text = yaml.safe_dump([_entry(cell, request)], sort_keys=False, allow_unicode=False, width=100)
        with explained(request.out):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, text.encode())
        files.append(path)
    if not source:
        unmapped.append("source: no address of the results is known; hf.source= names it")
    unmapped.append("verifyToken: only runs in Hugging Face Jobs get one")
    unmapped.append("interval, images and hashes: in the notes, since no field holds them")
    return Exported(tuple(files), tuple(unmapped))


def _entry(cell: CellRecord, request: ExportRequest) -> dict[str, Any]:
    spec = main_metric(cell, request.text("metric"))
    summary = cell.metrics[spec.alias]
    interval = (
        "" if summary.lo is None else f" [{summary.lo:.{spec.decimals}f}, {summary.hi:.{spec.decimals}f}]"
    )
    unit = f" {spec.unit}" if spec.unit else ""
    notes = (
        f"{spec.title or spec.alias}{unit}{interval} of {cell.method_label} on {cell.dataset_label}, "
        f"{cell.protocol}, n={summary.n}; {spec.signature}; run {cell.run_key[:12]}; "
        f"{audit_level(cell)}; refbench {__version__}"
    )
    entry: dict[str, Any] = {
        "dataset": {"id": request.text("hf.dataset"), "task_id": request.text("hf.task") or "default"},
        "value": None if summary.mean is None else round(summary.mean, 6),
    }
    finished = _finished(cell)
    if finished:
        entry["date"] = finished
    if request.text("hf.source"):
        entry["source"] = {"url": request.text("hf.source"), "name": "refbench results"}
    entry["notes"] = printable(notes)
    return entry


def _finished(cell: CellRecord) -> str:
    sessions = cell.manifest.sessions
    found = sessions[-1].get("finished") or sessions[-1].get("started") if sessions else None
    return found if isinstance(found, str) else ""
