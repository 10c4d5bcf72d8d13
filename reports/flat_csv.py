"""The report as flat CSV: one line per number, sorted, with the context in the file name.

Two runs of the same thing differ in no line but those whose numbers changed; costs, which always change,
have a file of their own.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refbench.results.provenance import SHORT
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.interval import Interval
from refbench.untrusted.escape import spreadsheet_text

from .provenance import PROVENANCE, provenance_rows
from .published import HOW_READ
from .report import Report
from .table_model import Entry, Section, Table

_HEADER = (
    "protocol", "method", "weights", "metric", "unit", "signature", "n", "trials", "errors", "mean", "lo",
    "hi", "mark", "delta", "delta_lo", "delta_hi", "drop", "drop_lo", "drop_hi", "run_key",
)  # fmt: skip
_COSTS = (
    "protocol", "method", "weights", "device", "seconds", "seconds_q1", "seconds_q3",
    "match_share", "peak_mb", "parameters", "flops",
)  # fmt: skip


def csv_files(report: Report) -> dict[str, str]:
    """File name -> text: scores per dataset and seed, costs, curves, reference types and numbers,
    published numbers where the report has them."""
    files: dict[str, str] = {}
    scores: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
    for group, table in report.tables:
        rows = scores.setdefault(_context(group.dataset_label, group.seed), {})
        for section in table.sections:
            for entry in section.entries:
                for row in _scores(table, section, entry):
                    key = (row["protocol"], row["method"], row["signature"], entry.cell.run_key)
                    # a control stands in several tables; the row with most to say is kept
                    rows[key] = {**row, **{k: v for k, v in rows.get(key, {}).items() if v != ""}}
    for context, found in scores.items():
        files[f"scores_{context}.csv"] = write(_HEADER, [found[key] for key in sorted(found)])
    costs: dict[str, list[dict[str, Any]]] = {}
    for cell, cost in zip(report.cells, report.costs, strict=True):
        seed = cell.compare_key.get("seed")
        costs.setdefault(_context(cost.dataset_label, seed), []).append(
            {
                "protocol": cost.protocol,
                "method": cost.method_label,
                "weights": cell.weights,
                "device": cost.device,
                "seconds": cost.seconds,
                "seconds_q1": cost.spread[0] if cost.spread else None,
                "seconds_q3": cost.spread[1] if cost.spread else None,
                "match_share": cost.match_share,
                "peak_mb": cost.peak_mb,
                "parameters": cost.parameters,
                "flops": cost.flops,
                **{f"{name}_seconds": value for name, value in cost.stages.items()},
            }
        )
    for context, found_costs in costs.items():
        stages = sorted({k for row in found_costs for k in row if k.endswith("_seconds")})
        ordered = sorted(found_costs, key=lambda r: (r["protocol"], r["method"]))
        files[f"costs_{context}.csv"] = write((*_COSTS, *stages), ordered)
    files |= _curves(report) | _types(report) | _counts(report) | _published(report)
    files["provenance.csv"] = write(PROVENANCE, provenance_rows(report.cells))
    return files


def per_image_csv(cells: Sequence[CellRecord]) -> str:
    """Every trial of every cell, one line per value: what a reader needs to repeat the statistics."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ("dataset", "protocol", "method", "weights", "sample", "draw", "metric", "signature", "value")
    )
    for cell in cells:
        summary = cell
        names = (summary.dataset_label, summary.protocol, summary.method_label, summary.weights)
        place = tuple(map(spreadsheet_text, names))
        for alias, trials in summary.values.items():
            signature = summary.metrics[alias].signature
            # plain rows, not dictionaries: ten thousand trials of three metrics are 30,000 lines
            writer.writerows(
                (*place, spreadsheet_text(sample), draw, alias, signature, f"{value:.8g}")
                for (sample, draw), value in sorted(trials.items())
            )
    return stream.getvalue()


def _context(dataset_label: str, seed: Any) -> str:
    return f"{slug(dataset_label)}_seed{slug(str(seed))}"


def slug(text: str) -> str:
    """Letters, digits and ``.-`` kept, everything else one underscore: a file name, never a path, that every
    program takes as it is."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_.")[:80] or "unnamed"


def _scores(table: Table, section: Section, entry: Entry) -> Iterable[dict[str, Any]]:
    for spec, score in zip(table.columns, entry.scores, strict=True):
        if score.summary is None:
            continue
        yield {
            "protocol": section.protocol,
            "method": entry.cell.method_label,
            "weights": entry.cell.weights,
            "metric": spec.alias,
            "unit": spec.unit,
            "signature": score.summary.signature,
            "n": score.summary.n,
            "trials": entry.cell.trials,
            "errors": entry.cell.errors,
            "mean": rounded(score.summary.mean, spec),
            "lo": rounded(score.summary.lo, spec),
            "hi": rounded(score.summary.hi, spec),
            "mark": score.mark,
            **_interval("delta", score.delta.difference if score.delta else None, spec),
            **_interval("drop", score.drop.difference if score.drop else None, spec),
            "run_key": entry.cell.run_key[:SHORT],
        }


def _interval(name: str, interval: Interval | None, spec: MetricSpec) -> dict[str, Any]:
    if interval is None:
        return {}
    return {
        name: rounded(interval.mean, spec),
        f"{name}_lo": rounded(interval.lo, spec),
        f"{name}_hi": rounded(interval.hi, spec),
    }


def rounded(value: float | None, spec: MetricSpec) -> str:
    """Two digits more than tables show: enough to compute with, no noise of the last bit in a diff."""
    if value is None:
        return ""
    text = f"{value:.{spec.decimals + 2}f}"
    return text.replace("-", "") if float(text) == 0.0 else text


def _curves(report: Report) -> dict[str, str]:
    rows = [
        {
            "dataset": curve.dataset_label,
            "seed": curve.seed,
            "control": curve.base,
            "family": curve.family,
            "method": curve.method_label,
            "metric": curve.metric.alias,
            "signature": curve.metric.signature,
            "level": name,
            **_interval("mean", value, curve.metric),
            **_interval("drop", drop, curve.metric),
        }
        for curve in report.curves
        for name, value, drop in (
            ("control", curve.result.control, None),
            *((lv.name, lv.value, lv.drop.difference) for lv in curve.result.levels),
            ("score", None, curve.result.score.difference),
        )
    ]
    header = (
        "dataset", "seed", "control", "family", "method", "metric", "signature", "level", "mean", "mean_lo",
        "mean_hi", "drop", "drop_lo", "drop_hi",
    )  # fmt: skip
    return {"robustness.csv": write(header, rows)} if rows else {}


def _types(report: Report) -> dict[str, str]:
    rows: list[dict[str, Any]] = []
    for table in report.types:
        shared = {
            "dataset": table.dataset_label,
            "seed": table.seed,
            "card": table.card,
            "method": table.method_label,
            "metric": table.metric.alias,
            "signature": table.metric.signature,
        }
        for kind in table.types:
            row = {**shared, "reference": kind.name, **_interval("mean", kind.value, table.metric)}
            if kind.result is not None:
                harm = kind.result.harm
                row |= _interval("gain", kind.result.gain.difference, table.metric)
                row |= {"harm": harm.share, "harm_lo": harm.lo, "harm_hi": harm.hi, "images": harm.n}
            rows.append(row)
        if table.selectivity is not None:
            own = _interval("gain", table.selectivity.difference, table.metric)
            rows.append({**shared, "reference": "selectivity", **own})
    header = (
        "dataset", "seed", "card", "method", "metric", "signature", "reference", "mean", "mean_lo", "mean_hi",
        "gain", "gain_lo", "gain_hi", "harm", "harm_lo", "harm_hi", "images",
    )  # fmt: skip
    return {"reference_type.csv": write(header, rows)} if rows else {}


def _counts(report: Report) -> dict[str, str]:
    rows = [
        {
            "dataset": curve.dataset_label,
            "seed": curve.seed,
            "card": curve.card,
            "method": curve.method_label,
            "order": curve.order,
            "metric": curve.metric.alias,
            "signature": curve.metric.signature,
            "references": point.count,
            **_interval("mean", point.value, curve.metric),
            **_interval("gain", point.gain.difference if point.gain else None, curve.metric),
            "seconds": point.seconds,
        }
        for curve in report.counts
        for point in curve.points
    ]
    header = (
        "dataset", "seed", "card", "method", "order", "metric", "signature", "references", "mean", "mean_lo",
        "mean_hi", "gain", "gain_lo", "gain_hi", "seconds",
    )  # fmt: skip
    return {"reference_number.csv": write(header, rows)} if rows else {}


def _published(report: Report) -> dict[str, str]:
    rows = [
        {
            "dataset": number.dataset,
            "method": number.method,
            "variant": number.variant,
            "metric": number.metric,
            # with the digits of its source
            "value": number.text,
            "card": number.card,
            "reference": number.reference,
            "status": number.status,
            "measured": one.measured,
            "measured_method": one.measured_label,
            "difference": one.difference,
            "not_compared": one.reason,
            "source": number.source,
            "doi": number.doi,
            "locator": number.locator,
            "read": HOW_READ[number.read],
        }
        for one in report.published
        for number in [one.published]
    ]
    header = (
        "dataset", "method", "variant", "metric", "value", "card", "reference", "status", "measured",
        "measured_method", "difference", "not_compared", "source", "doi", "locator", "read",
    )  # fmt: skip
    return {"published.csv": write(header, rows)} if rows else {}


def write(header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV text with ``\\n`` line ends; None is an empty field, and no name is a formula."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(header), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v is None else _short(v) for k, v in row.items()})
    return stream.getvalue()


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return spreadsheet_text(value) if isinstance(value, str) else value
