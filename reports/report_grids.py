"""The report's smaller tables: robustness, reference types and numbers, costs, published numbers."""

from __future__ import annotations

from collections.abc import Sequence

from refbench.protocols.reference import ORACLE
from refbench.specs import MetricSpec
from refbench.stages import STAGES

from .cost_summary import Cost, flops_text, parameters_text
from .grid_model import Field, Grid, count, mean_field, number, texts
from .published import SideBySide
from .reference_counts import CountCurve
from .reference_types import TypeTable
from .robustness import Curve


def _name(spec: MetricSpec) -> str:
    return spec.title or spec.alias


def _unit(spec: MetricSpec) -> str:
    return f" {spec.unit}" if spec.unit else ""


def robustness_grid(curves: Sequence[Curve], spec: MetricSpec) -> Grid:
    """Control, drop at each level, and the score; one row per method and family."""
    rows = []
    for curve in curves:
        drops = "; ".join(
            f"{level.name} {mean_field(level.drop.difference, spec, signed=True).text}"
            for level in curve.result.levels
        )
        rows.append(
            (
                *texts(curve.dataset_label, curve.family, curve.method_label),
                count(curve.result.control.clusters),
                mean_field(curve.result.control, spec),
                Field(drops),
                mean_field(curve.result.score.difference, spec, signed=True),
            )
        )
    return Grid(
        f"Robustness to distorted references or LR images, {_name(spec)}",
        ("dataset", "family", "method", "n", f"control{_unit(spec)}", "drop by level", f"score{_unit(spec)}"),
        tuple(rows),
        (
            "drop: the method's own control minus the level, paired by image; positive is quality lost.",
            "score: mean over the levels of the paired drop, the area under the degradation curve; its "
            "interval is clustered by image. 0 is untouched.",
        ),
    )


def types_grid(tables: Sequence[TypeTable], spec: MetricSpec) -> Grid:
    """Value, gain over the constant reference, and harm rate; one row per method and type."""
    rows = []
    for table in tables:
        for kind in table.types:
            harm = kind.result.harm if kind.result is not None else None
            share = Field("-")
            if harm is not None and harm.share is not None and harm.lo is not None and harm.hi is not None:
                share = Field(
                    f"{100 * harm.share:.0f} % [{100 * harm.lo:.0f}, {100 * harm.hi:.0f}]", harm.share
                )
            gain = mean_field(kind.result.gain.difference, spec, signed=True) if kind.result else Field("-")
            rows.append(
                (
                    *texts(table.dataset_label, table.method_label, kind.name),
                    count(kind.value.clusters),
                    mean_field(kind.value, spec),
                    gain,
                    share,
                )
            )
    return Grid(
        f"Type of reference, {_name(spec)}",
        (
            "dataset", "method", "reference", "n", f"{_name(spec)}{_unit(spec)}", f"gain{_unit(spec)}",
            "harm rate",
        ),
        tuple(rows),
        (
            "gain: over the same method with a constant grey reference, paired by image; positive is better.",
            "harm rate: share of images on which this reference is worse than the constant one (exact 95 % "
            "interval).",
            f"HR ({ORACLE}): an upper bound, never to be ranked.",
        ),
    )  # fmt: skip


def selectivity_grid(tables: Sequence[TypeTable], spec: MetricSpec) -> Grid:
    """One row per method."""
    rows = [
        (
            *texts(table.dataset_label, table.method_label, ", ".join(table.unrelated)),
            count(table.selectivity.difference.clusters),
            mean_field(table.selectivity.difference, spec, signed=True),
        )
        for table in tables
        if table.selectivity is not None
    ]
    return Grid(
        f"Selectivity, {_name(spec)}",
        ("dataset", "method", "unrelated references", "n", f"selectivity{_unit(spec)}"),
        tuple(rows),
        ("selectivity: gain of L1 minus the mean gain of the unrelated references, paired by image.",),
    )


def counts_grid(curves: Sequence[CountCurve], spec: MetricSpec) -> Grid:
    """One row per method, order and number of references."""
    rows = [
        (
            *texts(curve.dataset_label, curve.method_label, curve.order),
            count(point.count),
            mean_field(point.value, spec),
            mean_field(point.gain.difference, spec, signed=True) if point.gain else Field("-"),
            number(point.seconds, 3),
        )
        for curve in curves
        for point in curve.points
    ]
    return Grid(
        f"Number of references, {_name(spec)}",
        (
            "dataset", "method", "order", "references", f"{_name(spec)}{_unit(spec)}", f"gain{_unit(spec)}",
            "s / image",
        ),
        tuple(rows),
        ("gain: over one best reference, paired by image; positive is better.",),
    )  # fmt: skip


_WORK = (
    "GFLOP / image: of the cell's first trial, matching included, nothing cached; a multiply-add is two. "
    "unknown: not counted (fewer than ten trials; refbench profile counts one image), or not to be seen: the "
    "method works in another process, on files, or outside torch.",
)


def costs_grid(costs: Sequence[Cost]) -> Grid:
    """One row per method and protocol, with the columns that something was measured for."""
    found = dict.fromkeys(stage for cost in costs for stage in cost.stages)
    stages = [s for s in STAGES if s in found] + [s for s in found if s not in STAGES]
    share = any(cost.match_share is not None for cost in costs)
    size = any(cost.parameters is not None for cost in costs)
    flops = any(cost.flops is not None for cost in costs)
    header = [
        "dataset",
        "protocol",
        "method",
        "device",
        "s / image",
        "quartiles",
        *(f"{name} s" for name in stages),
    ]
    header += ["matching share"] * share + ["peak MiB"] + ["parameters"] * size + ["GFLOP / image"] * flops
    rows = []
    for cost in costs:
        row = [*texts(cost.dataset_label, cost.protocol, cost.method_label, cost.device or "-")]
        spread = Field(f"{cost.spread[0]:.3f} to {cost.spread[1]:.3f}" if cost.spread else "-")
        row += [number(cost.seconds, 3), spread, *(number(cost.stages.get(name), 3) for name in stages)]
        if share:
            value = cost.match_share
            row.append(Field("-") if value is None else Field(f"{100 * value:.0f} %", value))
        row.append(number(cost.peak_mb, 0))
        if size:
            row.append(Field(parameters_text(cost.parameters), cost.parameters))
        if flops:
            row.append(Field(flops_text(cost.flops), cost.flops))
        rows.append(tuple(row))
    return Grid(
        "Cost",
        tuple(header),
        tuple(rows),
        (
            "s / image: median wall time of the method, its first trial (warm-up) left out, on the machine "
            "of each run; matching share: of the time in all stages; peak MiB: device memory on CUDA, else "
            "resident set of the whole process.",
            *(_WORK if size or flops else ()),
        ),
    )


def published_grid(rows: Sequence[SideBySide], contradictions: Sequence[str]) -> Grid:
    """Published numbers, unranked, with a difference only where the protocols agree."""
    fields = []
    for row in rows:
        published = row.published
        measured = number(row.measured, len(published.text.partition(".")[2]))
        difference = (
            Field(f"{row.difference:+.3f}", row.difference)
            if row.difference is not None
            else Field(f"- ({row.reason})")
        )
        fields.append(
            (
                *texts(
                    published.dataset,
                    f"{published.method} {published.variant}".strip(),
                    published.metric,
                ),
                Field(published.shown, published.value),
                *texts(published.card, published.reference, published.status),
                measured,
                difference,
                Field(published.place),
            )
        )
    notes = ["published numbers are never ranked with measured ones; unknown: the source does not say."]
    notes += [f"contradiction: {text}." for text in contradictions]
    notes += list(
        dict.fromkeys(
            f"{b.published.method} {b.published.variant} on {b.published.dataset}: {b.published.note}."
            for b in rows
            if b.published.note
        )
    )
    return Grid(
        "Published numbers",
        (
            "dataset", "method", "metric", "published", "protocol", "reference", "status", "measured",
            "difference", "source",
        ),
        tuple(fields),
        tuple(notes),
    )  # fmt: skip
