"""What a page of the leaderboard shows: sections of rows as plain values, nothing computed in a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from refbench.results.audits import CONTRADICTED
from refbench.results.drops import Drops
from refbench.results.provenance import COLUMNS, provenance_of
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec

from ..cost_summary import cost_of
from ..groups import by_data
from ..html.view import COSTS, Cell, score_cell
from ..published import Published, published_rows
from ..table import comparison_table
from ..table_columns import shown_columns
from ..table_model import Entry, Section, Table
from ..table_notes import MARKS
from .places import anchor, method_page

SHOWN = (
    "audit",
    "weights",
    "refbench",
    "project",
    "run_key",
    "digest",
    "dataset",
    "extent",
    "references",
    "torch",
    "device",
)
"""Provenance in its order here; what most readers ask for comes first."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    key: str
    """For the choice of columns and the page's address: ``psnr_y``, ``psnr_y.delta``, ``weights``."""
    over: str
    """The metric that a difference is of."""
    name: str
    number: bool
    shown: bool
    """Whether it stands open before anybody chooses."""


def score_tables(
    cells: Sequence[CellRecord], root: str, published: Sequence[Published]
) -> list[dict[str, Any]]:
    """One table per dataset and seed; a section per protocol, in which alone methods are ranked.

    root: relative address of the site's first page. published: what others report. The cells of a section
    share images, protocol and seed; a column is one metric signature.
    """
    drops = Drops(cells)
    found = []
    for number, ((label, _, seed), members) in enumerate(by_data(cells).items()):
        table = _credible(comparison_table(members, title=label, drops=drops), members, drops)
        entries = [entry for section in table.sections for entry in section.entries]
        scores = shown_columns(table, entries)
        columns = [
            Column("method", "", "method", False, True),
            Column("n", "", "n", True, True),
            *(_score_column(table, k, kind) for k, kind in scores),
            *_cost_columns(members),
            *_provenance_columns(),
        ]
        notes = [f"[{k}] {note}" for k, note in enumerate(table.notes, start=1)]
        notes += [line.replace(MARKS, "bold: best, underlined: second") for line in table.footer]
        found.append(
            {
                "id": f"t{number}",
                "title": f"{label}" + (f", seed {seed}" if seed else ""),
                "columns": columns,
                "sections": [_section(table, s, scores, columns, root, published) for s in table.sections],
                "notes": notes,
                "other": _other_published(members, published),
            }
        )
    return found


def _credible(table: Table, cells: Sequence[CellRecord], drops: Drops) -> Table:
    """The table with the marks that methods have without the results which an audit contradicted."""
    held = [cell for cell in cells if cell.audit != CONTRADICTED]
    if len(held) == len(cells):
        return table
    ranked = comparison_table(held, title=table.title, drops=drops) if held else None
    marks = {
        (entry.cell.run_key, spec.signature): score.mark
        for section in (ranked.sections if ranked is not None else ())
        for entry in section.entries
        for spec, score in zip(ranked.columns if ranked is not None else (), entry.scores, strict=True)
    }

    def marked(entry: Entry) -> Entry:
        pairs = zip(table.columns, entry.scores, strict=True)
        own = [replace(s, mark=marks.get((entry.cell.run_key, spec.signature), "")) for spec, s in pairs]
        return replace(entry, scores=tuple(own))

    sections = [replace(s, entries=tuple(map(marked, s.entries))) for s in table.sections]
    return replace(table, sections=tuple(sections))


def _score_column(table: Table, column: int, kind: str) -> Column:
    spec = table.columns[column]
    name = spec.title or spec.alias
    first = column == 0
    if kind == "delta":
        return Column(f"{spec.alias}.delta", name, f"vs {table.baseline or 'baseline'}", True, first)
    if kind == "drop":
        return Column(f"{spec.alias}.drop", name, "drop", True, first)
    unit = f" {spec.unit}" if spec.unit else ""
    return Column(spec.alias, "", f"{name}{unit}" + ("" if spec.higher_is_better else " ↓"), True, True)


def _cost_columns(cells: Sequence[CellRecord]) -> list[Column]:
    costs = [cost_of(cell) for cell in cells]
    return [
        Column(name, "", name, True, name in ("s / image", "parameters"))
        for name, (get, _) in COSTS.items()
        if any(get(cost) is not None for cost in costs)
    ]


def _provenance_columns() -> list[Column]:
    # what an audit found stands under the method's name in any case
    return [Column(name, "", COLUMNS[name], False, False) for name in SHOWN]


def _section(
    table: Table,
    section: Section,
    scores: Sequence[tuple[int, str]],
    columns: Sequence[Column],
    root: str,
    published: Sequence[Published],
) -> dict[str, Any]:
    rows = [_row(table, entry, scores, columns, root) for entry in section.entries]
    best = next((k for k, kind in scores if kind == "value"), None)
    if best is not None:
        down = table.columns[best].higher_is_better
        rows.sort(
            key=lambda row: (
                row["audit"] == CONTRADICTED, _order(row["values"].get(table.columns[best].signature), down)
            )
        )  # fmt: skip
    first = section.entries[0].cell
    return {
        "dataset": section.dataset_label,
        "protocol": section.protocol,
        "control": section.control,
        "rows": rows,
        "published": _published(table, first, scores, columns, published) if _whole(first) else [],
        "cells": [entry.cell for entry in section.entries],
    }


def _whole(cell: CellRecord) -> bool:
    """Whether the cell is about the published dataset itself, not a sample or a part of it."""
    return cell.dataset_label == cell.dataset


def _order(value: float | None, down: bool) -> tuple[bool, float]:
    return (value is None, 0.0 if value is None else -value if down else value)


def _row(
    table: Table, entry: Entry, scores: Sequence[tuple[int, str]], columns: Sequence[Column], root: str
) -> dict[str, Any]:
    cell, cost = entry.cell, cost_of(entry.cell)
    provenance = provenance_of(cell).json()
    shown = [
        Cell(str(cell.n), value=str(cell.n)),
        *(score_cell(entry.scores[k], table.columns[k], kind) for k, kind in scores),
    ]
    for column in columns[2 + len(scores) :]:
        if column.key in COSTS:
            get, text = COSTS[column.key]
            value = get(cost)
            shown.append(Cell(text(value), value="" if value is None else repr(float(value))))
        else:
            shown.append(Cell(provenance[column.key]))
    return {
        "anchor": anchor(cell),
        "method": cell.method_label,
        "address": root + method_page(cell),
        "baseline": cell.baseline,
        "errors": cell.errors,
        "oracle": "leaks HR" in cell.protocol,
        "audit": provenance["audit"],
        "cells": shown,
        "values": {m.signature: m.mean for m in cell.metrics.values()},
    }


def _published(
    table: Table,
    cell: CellRecord,
    scores: Sequence[tuple[int, str]],
    columns: Sequence[Column],
    published: Sequence[Published],
) -> list[dict[str, Any]]:
    """Rows of numbers that others reported under exactly this protocol: shown, never ranked."""
    found: dict[tuple[str, ...], dict[str, Published]] = {}
    for k, kind in scores:
        if kind == "value":
            alias = table.columns[k].alias
            for row in published_rows(cell.dataset, cell.protocol, alias, published):
                if row.agrees:
                    own = row.published
                    found.setdefault((own.method, own.variant, own.place), {})[alias] = own
    rows = []
    for (method, variant, place), numbers in found.items():
        aliases = [table.columns[k].alias if kind == "value" else "" for k, kind in scores]
        values = [
            Cell(numbers[alias].shown, value=repr(numbers[alias].value)) if alias in numbers else Cell("")
            for alias in aliases
        ]
        one = next(iter(numbers.values()))
        rest = [
            Cell("published") if column.key == "audit" else Cell("") for column in columns[2 + len(scores) :]
        ]
        rows.append(
            {
                "method": f"{method} ({variant})" if variant else method,
                "title": f"{one.status}: {place}",
                "cells": [Cell(""), *values, *rest],
            }
        )
    return rows


def _other_published(cells: Sequence[CellRecord], published: Sequence[Published]) -> list[dict[str, str]]:
    """Published numbers on the dataset that stand in no section, their protocol or images being others."""
    protocols = {cell.protocol for cell in cells} if _whole(cells[0]) else set()
    found: dict[Published, None] = {}
    for alias in dict.fromkeys(alias for cell in cells for alias in cell.metrics):
        for row in published_rows(cells[0].dataset, "", alias, published):
            own = row.published
            if own.protocol_id is None or own.protocol_id not in protocols:
                found[own] = None
    return [
        {
            "method": f"{p.method} ({p.variant})" if p.variant else p.method,
            "metric": p.metric,
            "value": p.shown,
            "protocol": p.protocol_id or p.protocol or "unknown",
            "reference": p.reference,
            "status": p.status,
            "source": p.place,
        }
        for p in found
    ]


def result_columns(cells: Sequence[CellRecord]) -> list[MetricSpec]:
    """One spec per signature, in order of first appearance."""
    found: dict[str, MetricSpec] = {}
    for cell in cells:
        for metric in cell.metrics.values():
            found.setdefault(metric.signature, metric.spec)
    return list(found.values())


def result_rows(
    cells: Sequence[CellRecord], specs: Sequence[MetricSpec], suites: Mapping[str, str]
) -> list[dict[str, Any]]:
    """All results of one method, a row each; of different images and protocols: nothing is ranked.

    suites: suite -> address of its page.
    """
    rows = []
    for cell in cells:
        by_signature = {m.signature: m for m in cell.metrics.values()}
        cost = cost_of(cell)
        rows.append(
            {
                "cell": cell,
                "anchor": anchor(cell),
                "suite": cell.suite,
                "address": suites.get(cell.suite, ""),
                "scores": [_plain(by_signature.get(spec.signature), spec) for spec in specs],
                "costs": [
                    Cell(text(get(cost)), value="" if get(cost) is None else repr(get(cost)))
                    for get, text in COSTS.values()
                ],
                "machine": cell.machine.get("device", ""),
                "provenance": provenance_of(cell),
            }
        )
    return rows


def _plain(metric: Any, spec: MetricSpec) -> Cell:
    if metric is None or metric.mean is None:
        return Cell("-" if metric is None else "absent")
    digits = max(0, spec.decimals - 1)
    interval = "" if metric.lo is None else f"[{metric.lo:.{digits}f}, {metric.hi:.{digits}f}]"
    return Cell(f"{metric.mean:.{spec.decimals}f}", interval, repr(metric.mean))
