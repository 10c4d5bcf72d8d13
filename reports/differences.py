"""What a mean difference hides: its median, on how many images it holds, whether a few images carry it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from refbench.specs import MetricSpec
from refbench.stats.paired import CARRIED, Comparison
from refbench.stats.proportion import Proportion

from .grid_model import Field, Grid, count, mean_field, texts
from .table_model import Entry, Score, Section, Table


def deltas(table: Table, column: int) -> Iterator[tuple[Section, Entry, Score, Comparison]]:
    """Every difference to the baseline in one column."""
    for section in table.sections:
        for entry in section.entries:
            score = entry.scores[column]
            if score.delta is not None and score.delta.difference.mean is not None:
                yield section, entry, score, score.delta


def median_text(comparison: Comparison, spec: MetricSpec) -> str:
    """``+0.12``."""
    if comparison.median is None:
        return "-"
    text = f"{comparison.median:+.{spec.decimals}f}"
    return text.replace("-", "+") if float(text) == 0.0 else text


def share_text(share: Proportion) -> str:
    """``11 of 13 [55, 98] %``."""
    if share.share is None or share.lo is None or share.hi is None:
        return "-"
    return f"{share.count} of {share.n} [{100 * share.lo:.0f}, {100 * share.hi:.0f}] %"


def carried_text(comparison: Comparison) -> str:
    """``3 of 13 images carry 80 %``; empty where it is not a few images that make the difference."""
    few = comparison.carriers
    if not few:
        return ""
    verb = "carries" if few == 1 else "carry"
    return f"{few} of {comparison.difference.clusters} images {verb} {100 * CARRIED:.0f} %"


def differences_grid(tables: Sequence[Table]) -> Grid:
    """One row per method, protocol and metric with a difference to the baseline; each cell once."""
    rows: dict[tuple[str, str], tuple[Field, ...]] = {}
    baseline = next((t.baseline for t in tables if t.baseline), None)
    for table in tables:
        for k, spec in enumerate(table.columns):
            for section, entry, score, delta in deltas(table, k):
                place = texts(section.dataset_label, section.protocol, entry.cell.method_label)
                rows[entry.cell.run_key, spec.signature] = (
                    *place,
                    Field(f"{spec.title or spec.alias}{f' {spec.unit}' if spec.unit else ''}"),
                    count(delta.difference.clusters),
                    mean_field(delta.difference, spec, signed=True),
                    Field("yes" if score.delta_tone else "no"),
                    Field(median_text(delta, spec), delta.median),
                    Field(share_text(better := delta.better(spec.higher_is_better)), better.share),
                    Field(carried_text(delta) or "-"),
                )
    return Grid(
        f"Differences to {baseline or 'the baseline'}, next to their means",
        (
            "dataset", "protocol", "method", "metric", "n", "mean", "significant", "median", "better on",
            "a few images",
        ),
        tuple(rows.values()),
        (
            "better on: images on which the method is the better one, with the exact 95 % interval of the "
            "share (Clopper-Pearson); ties do not count.",
            f"a few images: at most a quarter of the images make {100 * CARRIED:.0f} % of all change (of the "
            "sum of absolute differences): the mean says little about the others.",
            "significant: p <= 0.05 after Holm over the methods of one column.",
        ),
    )  # fmt: skip


def differences_document(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Paired differences to the baseline with their p values, as plain data; each cell and metric once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for table in tables:
        for k, spec in enumerate(table.columns):
            for section, entry, score, delta in deltas(table, k):
                found[entry.cell.run_key, spec.signature] = {
                    "dataset": section.dataset_label,
                    "protocol": section.protocol,
                    "method": entry.cell.method_label,
                    "baseline": table.baseline,
                    "metric": spec.alias,
                    "signature": spec.signature,
                    "n": delta.difference.clusters,
                    "mean": delta.difference.mean,
                    "lo": delta.difference.lo,
                    "hi": delta.difference.hi,
                    "p": delta.p,
                    "significant": bool(score.delta_tone),
                    "median": delta.median,
                    "better_on": delta.better(spec.higher_is_better).count,
                }
    return list(found.values())
