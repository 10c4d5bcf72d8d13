"""Everything that the site shows as data: one JSON document and one CSV file with a line per number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from refbench import __version__
from refbench.results.cells import FinishedCells
from refbench.results.drops import Drops, cells_document
from refbench.results.provenance import commands_of, provenance_of
from refbench.results.record import CellRecord
from refbench.untrusted.escape import json_text

from ..flat_csv import write
from ..published import Published

HEADER = (
    "suite", "dataset", "dataset_label", "protocol", "seed", "method", "method_label", "weights", "metric",
    "unit", "signature", "n", "trials", "errors", "mean", "lo", "hi", "partial", "audit", "run_key", "digest",
    "weights_sha256", "dataset_fingerprint", "extent", "references", "refbench",
    "project", "torch", "device", "seconds", "parameters", "reference", "command", "source", "read",
)  # fmt: skip


def json_document(stored: FinishedCells, published: Sequence[Published]) -> str:
    """Cells as ``report format=json`` prints them, with provenance and costs; published numbers; remarks."""
    documents = cells_document(stored.cells, Drops(stored.cells))
    cells = []
    for cell, document in zip(stored.cells, documents, strict=True):
        document.pop("rows")
        cells.append(
            {
                **document,
                "provenance": provenance_of(cell).json(),
                "commands": list(commands_of(cell.manifest)),
                "costs": dict(cell.costs),
                "work": dict(cell.work),
            }
        )
    data = {
        "schema": 1,
        "refbench": __version__,
        "cells": cells,
        "published": [asdict(number) for number in published],
        "problems": list(stored.problems),
    }
    return json_text(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"


def csv_text(cells: Sequence[CellRecord], published: Sequence[Published]) -> str:
    """One line per measured number, then one per published one (``source`` says whose)."""
    return write(HEADER, [*_measured(cells), *_published(published)])


def _measured(cells: Sequence[CellRecord]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        provenance = provenance_of(cell)
        for alias, metric in cell.metrics.items():
            yield {
                "suite": cell.suite,
                "dataset": cell.dataset,
                "dataset_label": cell.dataset_label,
                "protocol": cell.protocol,
                "seed": cell.seed,
                "method": cell.method,
                "method_label": cell.method_label,
                "weights": cell.weights,
                "metric": alias,
                "unit": metric.spec.unit,
                "signature": metric.signature,
                "n": metric.n,
                "trials": cell.trials,
                "errors": cell.errors,
                "mean": metric.mean,
                "lo": metric.lo,
                "hi": metric.hi,
                "partial": cell.partial,
                "audit": provenance.audit,
                "run_key": cell.run_key,
                "digest": cell.digest,
                "weights_sha256": provenance.weights,
                "dataset_fingerprint": cell.compare_key.get("dataset"),
                "extent": provenance.extent,
                "references": provenance.references,
                "refbench": provenance.refbench,
                "project": provenance.project,
                "torch": provenance.torch,
                "device": provenance.device,
                "seconds": cell.costs.get("seconds"),
                "parameters": cell.work.get("parameters"),
                "command": "; ".join(commands_of(cell.manifest)),
                "source": "measured",
            }


def _published(numbers: Sequence[Published]) -> Iterator[dict[str, Any]]:
    for number in numbers:
        label = f"{number.method} ({number.variant})" if number.variant else number.method
        yield {
            "dataset": number.dataset_id,
            "dataset_label": number.dataset,
            "protocol": number.protocol_id or number.protocol,
            "method": number.method_id,
            "method_label": label,
            "weights": number.variant,
            "metric": number.alias or number.metric,
            "mean": number.value,
            "audit": f"published, {number.status}",
            "reference": number.reference,
            "source": number.place,
            "read": number.read,
        }
