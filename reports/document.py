"""The report as one JSON document and as one Markdown page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from refbench import __version__
from refbench.results.digests import joint_digest
from refbench.results.drops import cells_document
from refbench.results.provenance import commands
from refbench.untrusted.escape import markdown_text

from .differences import differences_document
from .published import contradictions
from .report import Report
from .table_markdown import markdown

LEFT_OUT = "### Left out"
"""Heading of what was left out, the last part of the page; it names places of the machine."""


def markdown_page(report: Report) -> str:
    """Every table, then the smaller ones, then what was left out."""
    parts = ["# refbench report", ""]
    parts += [markdown(table) for _, table in report.tables]
    parts += [grid.markdown() for grid in report.grids()]
    if report.stored.problems:
        parts.append(f"{LEFT_OUT}\n")
        parts += [f"- {markdown_text(problem)}" for problem in report.stored.problems]
    return "\n".join(parts).rstrip() + "\n"


def json_document(report: Report) -> dict[str, Any]:
    """Plain data: cells as ``run --json`` prints them, with costs, and every analysis behind the tables."""
    document = {
        "refbench": __version__,
        "metric": report.metric.alias,
        "signatures": {
            spec.signature: {
                "alias": spec.alias,
                "unit": spec.unit,
                "higher_is_better": spec.higher_is_better,
            }
            for spec in (metric.spec for cell in report.cells for metric in cell.metrics.values())
        },
        "cells": [
            {
                **document,
                "cost": {**asdict(cost), "match_share": cost.match_share},
            }
            for document, cost in zip(cells_document(report.cells, report.drops), report.costs, strict=True)
        ],
        "rankings": [
            {
                "table": group.title,
                "dataset": section.dataset_label,
                "protocol": section.protocol,
                "metric": spec.alias,
                "signature": spec.signature,
                "best": _marked(section, k, "best"),
                "second": _marked(section, k, "second"),
            }
            for group, table in report.tables
            for section in table.sections
            for k, spec in enumerate(table.columns)
        ],
        "notes": [
            {"table": group.title, "notes": table.notes, "footer": table.footer}
            for group, table in report.tables
        ],
        "differences": differences_document([table for _, table in report.tables]),
        "robustness": [_named(curve) for curve in report.curves],
        "reference_types": [_named(table) for table in report.types],
        "reference_numbers": [_named(curve) for curve in report.counts],
        "inside_outside": [_named(item) for item in report.regions],
        "matching_accuracy": report.accuracy,
        "published": report.published,
        "contradictions": contradictions(row.published for row in report.published),
        "commands": commands(report.cells),
        "digest": joint_digest(cell.digest for cell in report.cells),
        "problems": report.stored.problems,
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def json_text(report: Report) -> str:
    """The document as text, keys in a fixed order."""
    return json.dumps(json_document(report), indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _marked(section: Any, column: int, mark: str) -> str | None:
    return next((e.cell.method_label for e in section.entries if e.scores[column].mark == mark), None)


def _named(item: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {k: v for k, v in vars(item).items() if k != "metric"}
    return {"metric": item.metric.alias, "signature": item.metric.signature, **fields}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {k: _plain(v) for k, v in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
