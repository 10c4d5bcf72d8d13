"""A number for a README: the document that a shields.io endpoint badge is drawn from."""

from __future__ import annotations

import json

from refbench.exchange import Exported, ExportRequest
from refbench.exchange.chosen import cells_of, main_metric, one_cell
from refbench.exchange.evidence import audit_level, colour
from refbench.files.disk import explained, write_atomic
from refbench.untrusted.escape import printable


def export(request: ExportRequest) -> Exported:
    """Write ``out``: schemaVersion, label, message and colour (https://shields.io/badges/endpoint-badge)."""
    cells = cells_of(request)
    cell = one_cell(
        cells,
        method=request.text("method"),
        dataset=request.text("dataset"),
        protocol=request.text("protocol"),
    )
    spec = main_metric(cell, request.text("metric"))
    mean = cell.metrics[spec.alias].mean
    unit = f" {spec.unit}" if spec.unit else ""
    level = audit_level(cell)
    document = {
        "schemaVersion": 1,
        "label": printable(f"refbench {cell.dataset_label}"),
        "message": printable(f"{mean:.{spec.decimals}f}{unit} {cell.protocol}"),
        "color": colour(level),
    }
    with explained(request.out.parent):
        request.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(request.out, (json.dumps(document, indent=1) + "\n").encode())
    facts = f"{spec.title or spec.alias} of {cell.method_label}, {level}"
    return Exported(
        (request.out,),
        (
            f"method, metric and interval ({facts}): a badge has room for a label and a message",
            f"{len(cells) - 1} other cells: a badge shows one",
        )
        if len(cells) > 1
        else (f"method, metric and interval ({facts}): a badge has room for a label and a message",),
        {"badge": document},
    )
