"""What the page's template shows: tables, charts and lists as plain values, nothing computed in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from refbench.results.provenance import COLUMNS, provenance_of
from refbench.specs import MetricSpec
from refbench.untrusted.escape import printable

from ..chart_data import PALETTE, Chart
from ..chosen import Extreme, extremes
from ..cost_summary import Cost, flops_text, parameters_text
from ..flat_csv import slug
from ..groups import Group
from ..report import Report
from ..report_charts import charts
from ..table_columns import shown_columns
from ..table_model import Score, Section, Table
from ..table_notes import MARKS
from ..table_numbers import difference_text, interval_text, mean_text
from .svg import legend_mark, svg

COSTS: Mapping[str, tuple[Callable[[Cost], float | None], Callable[[float | None], str]]] = {
    "s / image": (lambda c: c.seconds, lambda v: "-" if v is None else f"{v:.3f}"),
    "matching": (lambda c: c.match_share, lambda v: "-" if v is None else f"{100 * v:.0f} %"),
    "peak MiB": (lambda c: c.peak_mb, lambda v: "-" if v is None else f"{v:.0f}"),
    "parameters": (lambda c: c.parameters, parameters_text),
    "GFLOP": (lambda c: c.flops, flops_text),
}
"""Column of the site -> (value of a cell's cost, its text)."""
QUESTIONS: Mapping[str, str] = {
    "quality": "Quality",
    "robustness": "Robustness: the reference is changed",
    "references": "References: how many, and which kind",
    "matching": "Matching: are the right places found",
    "cost": "Cost: time and memory",
    "published": "Published: what papers print",
}
"""What a part of the page answers, in its order."""
_CHARTS = {
    "robustness": "robustness",
    "reference": "references",
    "cost": "cost",
    "stages": "cost",
    "scaling": "cost",
    "matching": "matching",
}
"""First word of a chart's key -> question."""
SWITCHED = 3
"""Metrics whose curves the page holds, the report's own first."""


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
    switches: str = ""
    """Names of the checkboxes that show it."""


def questions(report: Report) -> list[dict[str, Any]]:
    """The parts of the page that have something in them: tables, charts and grids by question."""
    grids = report.grids_by_question()
    by_question: dict[str, list[dict[str, Any]]] = {}
    for group, table in zip(report.tables, tables(report), strict=True):
        by_question.setdefault(question_of(group[0]), []).append(table)
    charts = chart_views(report)
    found = []
    for key, title in QUESTIONS.items():
        own = {
            "tables": by_question.get(key, []),
            "charts": [chart for chart in charts if chart["question"] == key],
            "grids": grids[key],
        }
        if any(own.values()):
            found.append({"id": key, "title": title, **own})
    return found


def question_of(group: Group) -> str:
    """What a group of cells answers."""
    if group.kind in ("protocols", "other"):
        return "quality"
    if group.kind in ("type", "number"):
        return "references"
    # known warps of HR, an oracle, are made to score matches
    return "matching" if ", ref=hr" in group.kind else "robustness"


def tables(report: Report) -> list[dict[str, Any]]:
    """Comparison tables: one body per section, so that sorting never mixes protocols."""
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
                "header": [("", "method", ""), ("", "n", ""), *(_header(table, *c) for c in columns)],
                "sections": [_section(table, s, columns) for s in table.sections],
                "notes": notes,
            }
        )
    return found


def _header(table: Table, column: int, kind: str) -> tuple[str, str, str]:
    """(the metric that a difference is of, the column's name, the switches that hide it)."""
    spec = table.columns[column]
    name = spec.title or spec.alias
    if kind == "delta":
        return name, f"vs {table.baseline or 'baseline'}", _switches(spec, kind)
    if kind == "drop":
        return name, "drop", _switches(spec, kind)
    unit = f" {spec.unit}" if spec.unit else ""
    return "", f"{name}{unit}" + ("" if spec.higher_is_better else " ↓"), _switches(spec, kind)


def _switches(spec: MetricSpec, kind: str) -> str:
    """Names of the checkboxes that show this column, separated by blanks."""
    return f"m-{slug(spec.alias)}" + (f" {kind}" if kind in ("delta", "drop") else "")


def _section(table: Table, section: Section, columns: Sequence[tuple[int, str]]) -> dict[str, Any]:
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
                "cells": [score_cell(entry.scores[k], table.columns[k], kind) for k, kind in columns],
            }
            for entry in section.entries
        ],
    }


def score_cell(score: Score, spec: MetricSpec, kind: str) -> Cell:
    if kind == "value":
        mean = mean_text(score, spec).replace("*", "").replace("'", "")
        value = score.summary.mean if score.summary is not None else None
        return Cell(mean, interval_text(score, spec), _value(value), score.mark, _switches(spec, kind))
    comparison = score.delta if kind == "delta" else score.drop
    text, interval = difference_text(comparison, spec)
    if comparison is None:
        return Cell("", switches=_switches(spec, kind))
    tone = score.delta_tone if kind == "delta" else score.drop_tone
    return Cell(text, interval, _value(comparison.difference.mean), tone, _switches(spec, kind))


def _value(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def chart_views(report: Report) -> list[dict[str, Any]]:
    """Charts with their legends: of the report's metric, and of others that the page can switch to."""
    found, seen = [], set()
    for spec in switched(report):
        for chart in charts(replace(report, metric=spec)):
            if chart in seen:
                continue
            seen.add(chart)
            found.append(_chart_view(chart, spec))
    metrics: dict[str, set[str]] = {}
    for view in found:
        metrics.setdefault(view["key"], set()).add(view["metric"])
    # a chart that is the same for every metric is always shown
    return [{**v, "metric": v["metric"] if len(metrics[v["key"]]) > 1 else ""} for v in found]


def switched(report: Report) -> list[MetricSpec]:
    """The report's metric and at most two more that tables show, measured on images."""
    specs = {spec.signature: spec for _, table in report.tables for spec in table.columns}
    others = [
        s
        for s in specs.values()
        if s.kind == "image"
        and s.signature != report.metric.signature
        and any(
            m.signature == s.signature and m.mean is not None
            for c in report.cells
            for m in c.metrics.values()
        )
    ]
    return [report.metric, *others][:SWITCHED]


def _chart_view(chart: Chart, spec: MetricSpec) -> dict[str, Any]:
    return {
        "key": chart.key,
        "metric": spec.alias,
        "question": _CHARTS.get(chart.key.partition("_")[0], "quality"),
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


def choices(report: Report) -> dict[str, Any]:
    """What the filters and switches offer."""
    cells = report.cells
    specs = {spec.alias: spec for _, table in report.tables for spec in table.columns}
    columns = [("delta", "differences"), ("drop", "drops"), ("interval", "intervals")]
    columns += [(f"m-{slug(alias)}", spec.title or alias) for alias, spec in specs.items()]
    return {
        "datasets": list(dict.fromkeys(c.dataset_label for c in cells)),
        "protocols": list(dict.fromkeys(c.protocol for c in cells)),
        "methods": list(dict.fromkeys(c.method_label for c in cells)),
        "metrics": [(spec.alias, spec.title or spec.alias) for spec in switched(report)],
        "columns": columns,
    }
