"""What the page's template shows: tables, charts and lists as plain values, nothing computed in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refbench.results.provenance import COLUMNS, provenance_of
from refbench.specs import MetricSpec
from refbench.untrusted.escape import printable

from ..chart_data import PALETTE
from ..cost_summary import Cost, flops_text, parameters_text
from ..report import Report
from ..report_charts import charts
from ..table_columns import shown_columns
from ..table_model import Score, Section, Table
from ..table_notes import MARKS
from ..table_numbers import difference_text, interval_text, mean_text
from .chosen import Extreme, extremes
from .svg import legend_mark, svg

COSTS: Mapping[str, tuple[Callable[[Cost], float | None], Callable[[float | None], str]]] = {
    "s / image": (lambda c: c.seconds, lambda v: "-" if v is None else f"{v:.3f}"),
    "matching": (lambda c: c.match_share, lambda v: "-" if v is None else f"{100 * v:.0f} %"),
    "peak MiB": (lambda c: c.peak_mb, lambda v: "-" if v is None else f"{v:.0f}"),
    "parameters": (lambda c: c.parameters, parameters_text),
    "GFLOP": (lambda c: c.flops, flops_text),
}
"""Column -> (value of a cell's cost, its text)."""


@dataclass(frozen=True)
class Cell:
    """One entry of a table."""

    text: str
    small: str = ""
    """The interval, under the number."""
    value: str = ""
    """For sorting; empty sorts last."""
    kind: str = ""
    """CSS class: ``best``, ``second``, ``gain``, ``loss``."""


def tables(report: Report) -> list[dict[str, Any]]:
    """Comparison tables: one body per section, so that sorting never mixes protocols."""
    costs = {(c.dataset_label, c.protocol, c.method_label): c for c in report.costs}
    # a column that nothing was measured for takes room from those with numbers
    measured = [name for name, (get, _) in COSTS.items() if any(get(c) is not None for c in report.costs)]
    found = []
    for number, (group, table) in enumerate(report.tables):
        entries = [entry for section in table.sections for entry in section.entries]
        columns = shown_columns(table, entries)
        notes = [f"[{k}] {note}" for k, note in enumerate(table.notes, start=1)]
        notes += [line.replace(MARKS, "bold: best, underlined: second") for line in table.footer]
        found.append(
            {
                "id": f"table{number}",
                "title": group.title,
                "header": [
                    ("", "method"),
                    ("", "n"),
                    *(_header(table, k, kind) for k, kind in columns),
                    *(("", name) for name in measured),
                ],
                "sections": [_section(table, s, columns, costs, measured) for s in table.sections],
                "notes": notes,
            }
        )
    return found


def _header(table: Table, column: int, kind: str) -> tuple[str, str]:
    """(the metric that a difference is of, the column's name)."""
    spec = table.columns[column]
    name = spec.title or spec.alias
    if kind == "delta":
        return name, f"vs {table.baseline or 'baseline'}"
    if kind == "drop":
        return name, "drop"
    unit = f" {spec.unit}" if spec.unit else ""
    return "", f"{name}{unit}" + ("" if spec.higher_is_better else " ↓")


def _section(
    table: Table,
    section: Section,
    columns: Sequence[tuple[int, str]],
    costs: dict[tuple[str, str, str], Cost],
    measured: Sequence[str],
) -> dict[str, Any]:
    place = (section.dataset_label, section.protocol)
    return {
        "dataset": section.dataset_label,
        "protocol": section.protocol,
        "seed": section.seed,
        "control": section.control,
        "rows": [
            {
                "method": entry.cell.method_label,
                "baseline": entry.cell.baseline,
                "errors": entry.cell.errors,
                "n": entry.cell.n,
                "cells": [
                    *(score_cell(entry.scores[k], table.columns[k], kind) for k, kind in columns),
                    *_costs(costs.get((*place, entry.cell.method_label)), measured),
                ],
            }
            for entry in section.entries
        ],
    }


def score_cell(score: Score, spec: MetricSpec, kind: str) -> Cell:
    if kind == "value":
        mean = mean_text(score, spec).replace("*", "").replace("'", "")
        value = score.summary.mean if score.summary is not None else None
        return Cell(mean, interval_text(score, spec), _value(value), score.mark)
    comparison = score.delta if kind == "delta" else score.drop
    text, interval = difference_text(comparison, spec)
    if comparison is None:
        return Cell("")
    tone = score.delta_tone if kind == "delta" else score.drop_tone
    return Cell(text, interval, _value(comparison.difference.mean), tone)


def _costs(cost: Cost | None, names: Sequence[str]) -> list[Cell]:
    if cost is None:
        return [Cell("-")] * len(names)
    found = [(COSTS[name][0](cost), COSTS[name][1]) for name in names]
    return [Cell(text(value), value=_value(value)) for value, text in found]


def _value(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def chart_views(report: Report) -> list[dict[str, Any]]:
    """Charts with their legends."""
    return [
        {
            "title": chart.title,
            "note": chart.note,
            "dataset": chart.dataset,
            "protocol": chart.protocol,
            "svg": svg(chart),
            "legend": [
                (
                    printable(s.name),
                    "front" if s.name == "Pareto front" else f"s{s.style % len(PALETTE)}",
                    legend_mark(s, chart.kind),
                )
                for s in chart.series
                if s.points
            ],
            "methods": chart.kind != "stack",
        }
        for chart in charts(report)
    ]


def extreme_rows(report: Report, gallery: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Worst and best trials with the number of their gallery entry, -1 where the gallery has none."""
    spec = report.metric
    places = {
        (e["dataset"], e["seed"], e["protocol"], e["sample"], e["draw"]): k for k, e in enumerate(gallery)
    }
    return [
        {
            "dataset": extreme.section[0][0],
            "protocol": extreme.section[1],
            "method": extreme.method,
            "other": extreme.other,
            "sample": extreme.sample,
            "draw": extreme.draw,
            "difference": Cell(
                f"{extreme.difference:+.{spec.decimals}f}",
                value=_value(extreme.difference),
                kind="loss" if extreme.difference < 0 else "gain",
            ),
            "rank": "worst" if extreme.worst else "best",
            "entry": places.get(_place(extreme), -1),
        }
        for extreme in extremes(report.cells, spec)
    ]


def _place(extreme: Extreme) -> tuple[Any, ...]:
    (dataset, _, seed), protocol = extreme.section
    return (printable(dataset), seed, printable(protocol), printable(extreme.sample), extreme.draw)


def runs(report: Report) -> list[dict[str, Any]]:
    """Where the numbers come from: one row per cell."""
    return [
        {
            "method": cell.method_label,
            "dataset": cell.dataset_label,
            "protocol": cell.protocol,
            "facts": [
                cell.manifest.suite,
                str((cell.manifest.sessions or ({},))[-1].get("started") or "-"),
                *provenance_of(cell).json().values(),
            ],
        }
        for cell in report.cells
    ]


RUN_COLUMNS = ("method", "dataset", "protocol", "suite", "started", *COLUMNS.values())
"""Headings of :func:`runs`."""


def choices(report: Report) -> dict[str, list[str]]:
    """What the filters offer."""
    cells = report.cells
    return {
        "datasets": list(dict.fromkeys(c.dataset_label for c in cells)),
        "protocols": list(dict.fromkeys(c.protocol for c in cells)),
        "methods": list(dict.fromkeys(c.method_label for c in cells)),
    }
