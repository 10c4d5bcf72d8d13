"""The charts of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refbench.protocols.reference import ORACLE
from refbench.specs import MetricSpec
from refbench.stages import STAGES

from .chart_data import Chart, Point, Series, pareto_front
from .cost_summary import Cost
from .flat_csv import slug
from .groups import of_what
from .reference_counts import CountCurve, CountPoint
from .reference_types import TypeTable
from .report import Report
from .robustness import Curve
from .table_model import Entry

ACCURACY = "match_pck4"
_DASHED = 6


def charts(report: Report) -> tuple[Chart, ...]:
    """Every chart that has points, in the order of a page."""
    styles = {m: k for k, m in enumerate(dict.fromkeys(c.method_label for c in report.cells))}
    found = [
        *robustness_charts(report.main_curves(), report.metric, styles),
        *type_charts(report.main_types(), report.metric, styles),
        *count_charts(report.main_counts(), report.metric, styles),
        *cost_charts(report, styles),
        *stage_charts(report.plain_costs()),
        *scaling_chart(report, styles),
        *accuracy_charts(report, styles),
    ]
    return tuple(found)


def shift_of(k: int, n: int) -> float:
    """A small shift along x for the k-th of n series, so that equal points do not hide each other."""
    return 0.1 * (k - (n - 1) / 2) / max(n, 1)


def _unit(spec: MetricSpec) -> str:
    return f" / {spec.unit}" if spec.unit else ""


def _axis(spec: MetricSpec) -> str:
    name = spec.title or spec.alias
    return f"{name} / {spec.unit}" if spec.unit else name


def robustness_charts(curves: Sequence[Curve], spec: MetricSpec, styles: Mapping[str, int]) -> list[Chart]:
    """One chart per dataset, base protocol and family: the paired drop at each level, 0 for the control."""
    groups: dict[tuple[str, str, str, str], list[Curve]] = {}
    for curve in curves:
        key = (curve.dataset_label, str(curve.seed), curve.base, curve.family)
        groups.setdefault(key, []).append(curve)
    found = []
    for (dataset, seed, base, family), members in groups.items():
        names = list(dict.fromkeys(lv.name for curve in members for lv in curve.result.levels))
        series = []
        for k, curve in enumerate(members):
            shift = shift_of(k, len(members))
            points = [Point(shift, 0.0, label="control")]
            for level in curve.result.levels:
                lost = level.drop.difference
                if lost.mean is not None:
                    x = names.index(level.name) + 1 + shift
                    points.append(Point(x, lost.mean, lost.lo, lost.hi, level.name))
            # a control alone is not a curve: its levels were not run, or not on the same images
            if len(points) > 1:
                series.append(
                    Series(curve.method_label, tuple(points), styles[curve.method_label], line=curve.ordered)
                )
        if not series:
            continue
        found.append(
            Chart(
                key=f"robustness_{slug(dataset)}_{slug(base)}_{slug(family)}_seed{slug(seed)}",
                title=", ".join(filter(None, (of_what(family), base.partition("+")[2], dataset))),
                x_label=f"level of {family}" + ("" if members[0].ordered else " (no order)"),
                y_label=f"{spec.title or spec.alias} lost against the control{_unit(spec)}",
                series=tuple(series),
                x_ticks=("control", *names),
                note=f"Base protocol {base}; above 0 is worse. Bars: 95 % intervals of the paired drop.",
                zero_line=True,
                dataset=dataset,
                protocol=base,
            )
        )
    return found


def type_charts(tables: Sequence[TypeTable], spec: MetricSpec, styles: Mapping[str, int]) -> list[Chart]:
    """Reference gain by type, one chart per dataset and card."""
    groups: dict[tuple[str, str, str], list[TypeTable]] = {}
    for table in tables:
        groups.setdefault((table.dataset_label, str(table.seed), table.card), []).append(table)
    found = []
    for (dataset, seed, card), members in groups.items():
        names = list(dict.fromkeys(t.name for m in members for t in m.types if t.result is not None))
        series = []
        for k, member in enumerate(members):
            shift = 5 * shift_of(k, len(members))
            points = []
            for kind in member.types:
                if kind.result is None or kind.result.gain.difference.mean is None:
                    continue
                gain = kind.result.gain.difference
                assert gain.mean is not None
                points.append(Point(names.index(kind.name) + shift, gain.mean, gain.lo, gain.hi, kind.name))
            series.append(Series(member.method_label, tuple(points), styles[member.method_label], line=False))
        found.append(
            Chart(
                key=f"reference_type_{slug(dataset)}_{slug(card)}_seed{slug(seed)}",
                title=f"Reference gain by type, {dataset}",
                x_label="reference",
                y_label=f"gain over a constant reference{_unit(spec)}",
                series=tuple(series),
                x_ticks=tuple(names),
                note=f"{card}, {spec.title or spec.alias}; above 0 the reference helps. HR: {ORACLE}.",
                zero_line=True,
                dataset=dataset,
                protocol=card,
            )
        )
    return found


def count_charts(curves: Sequence[CountCurve], spec: MetricSpec, styles: Mapping[str, int]) -> list[Chart]:
    """Metric against the number of references, per dataset, card and order; then cost against gain."""
    groups: dict[tuple[str, str, str], dict[str, list[CountCurve]]] = {}
    for curve in curves:
        key = (curve.dataset_label, str(curve.seed), curve.card)
        groups.setdefault(key, {}).setdefault(curve.order, []).append(curve)
    found = []
    for (dataset, seed, card), orders in groups.items():
        context = f"{slug(dataset)}_{slug(card)}_seed{slug(seed)}"
        for order, members in orders.items():
            paired = all(p.gain is not None or _is_one(m, p) for m in members for p in m.points)
            series = tuple(_count_series(m, styles, paired) for m in members)
            wording = "random order" if order == "random" else f"{order} first"
            found.append(
                Chart(
                    key=f"reference_number_{order}_{context}",
                    title=f"Number of references, {wording}, {dataset}",
                    x_label="references",
                    y_label=f"{spec.title or spec.alias} over one best reference{_unit(spec)}"
                    if paired
                    else _axis(spec),
                    series=series,
                    note=f"{card}; bars are 95 % intervals clustered by image"
                    + (", paired." if paired else "."),
                    zero_line=paired,
                    dataset=dataset,
                    protocol=card,
                )
            )
        best = [m for m in orders.get("best", []) if any(p.seconds and p.gain for p in m.points)]
        if best:
            found.append(
                Chart(
                    key=f"reference_number_cost_{context}",
                    title=f"Cost against gain of more references, {dataset}",
                    x_label="time / s per image",
                    y_label=f"gain over one reference{_unit(spec)}",
                    series=tuple(
                        Series(
                            m.method_label,
                            tuple(
                                Point(
                                    p.seconds,
                                    p.gain.difference.mean,
                                    p.gain.difference.lo,
                                    p.gain.difference.hi,
                                    f"{p.count} references",
                                )
                                for p in m.points
                                if p.seconds and p.gain is not None and p.gain.difference.mean is not None
                            ),
                            styles[m.method_label],
                        )
                        for m in best
                    ),
                    note=f"{card}, best references first.",
                    zero_line=True,
                    dataset=dataset,
                    protocol=card,
                )
            )
    return found


def _is_one(curve: CountCurve, point: CountPoint) -> bool:
    return curve.order == "best" and point.count == 1


def _count_series(curve: CountCurve, styles: Mapping[str, int], paired: bool) -> Series:
    points = []
    for point in curve.points:
        value = point.gain.difference if paired and point.gain is not None else point.value
        label = f"{point.count} references"
        if paired and point.gain is None:
            points.append(Point(float(point.count), 0.0, label=label))
        elif value.mean is not None:
            points.append(Point(float(point.count), value.mean, value.lo, value.hi, label))
    return Series(curve.method_label, tuple(points), styles[curve.method_label])


def cost_charts(report: Report, styles: Mapping[str, int]) -> list[Chart]:
    """Quality against time with the Pareto front, one chart per section of the plain protocols."""
    found = []
    costs = {(c.dataset_label, c.protocol, c.method_label): c for c in report.costs}
    for group, table in report.tables:
        if group.kind != "protocols":
            continue
        for section in table.sections:
            series = []
            for entry in section.entries:
                cost = costs.get((section.dataset_label, section.protocol, entry.cell.method_label))
                value = _metric(entry, report.metric)
                if cost is None or not cost.seconds or value is None:
                    continue
                # without intervals: those of means over images are wide, and say nothing of methods
                low, high = cost.spread or (None, None)
                point = Point(cost.seconds, value, None, None, entry.cell.method_label, low, high)
                series.append(
                    Series(entry.cell.method_label, (point,), styles[entry.cell.method_label], line=False)
                )
            if len(series) < 2:
                continue
            spec = report.metric
            front = _front([s.points[0] for s in series], spec.higher_is_better)
            # the front is not a method: it has a style of its own after all the methods' ones
            series.append(Series("Pareto front", tuple(front), _DASHED))
            found.append(
                Chart(
                    key=f"cost_{slug(section.dataset_label)}_{slug(section.protocol)}_seed{slug(str(section.seed))}",
                    title=f"{spec.title or spec.alias} against cost, "
                    f"{section.dataset_label}, {section.protocol}",
                    x_label="median time / s per image",
                    y_label=_axis(spec),
                    series=tuple(series),
                    x_log=max(p.x for s in series for p in s.points)
                    > 10 * min(p.x for s in series for p in s.points),
                    labels=True,
                    note="Pareto front: no other method is both faster and better. Times are medians with "
                    "quartiles, the first trial left out, of each run's own machine.",
                    dataset=section.dataset_label,
                    protocol=section.protocol,
                )
            )
    return found


def _front(points: Sequence[Point], higher_is_better: bool) -> list[Point]:
    if higher_is_better:
        return [Point(p.x, p.y) for p in pareto_front(points)]
    return [Point(p.x, -p.y) for p in pareto_front([Point(p.x, -p.y) for p in points])]


def stage_charts(costs: Sequence[Cost]) -> list[Chart]:
    """Stacked bars of stage times, one chart per dataset, methods that open stages."""
    found = []
    for dataset in dict.fromkeys(cost.dataset_label for cost in costs):
        own = [cost for cost in costs if cost.dataset_label == dataset and cost.stages]
        opened = dict.fromkeys(stage for cost in own for stage in cost.stages)
        stages = [s for s in STAGES if s in opened] + [s for s in opened if s not in STAGES]
        if len(stages) < 2:
            continue
        series = tuple(
            Series(
                stage,
                tuple(
                    Point(float(k), cost.stages.get(stage, 0.0), label=cost.method_label)
                    for k, cost in enumerate(own)
                ),
                k,
            )
            for k, stage in enumerate(stages)
        )
        found.append(
            Chart(
                key=f"stages_{slug(dataset)}",
                title=f"Time by stage, {dataset}",
                x_label="method",
                y_label="median time / s per image",
                series=series,
                x_ticks=tuple(cost.method_label for cost in own),
                kind="stack",
                dataset=dataset,
            )
        )
    return found


def scaling_chart(report: Report, styles: Mapping[str, int]) -> list[Chart]:
    """Matching time against the size of the problem, for methods that were run at several sizes."""
    series = tuple(
        Series(
            method,
            tuple(
                Point(float(p.pairs), p.seconds, label=f"{p.rows} trials") for p in points if p.seconds > 0
            ),
            styles[method],
            line=False,
        )
        for method, points in report.scaling.items()
    )
    series = tuple(s for s in series if len(s.points) > 1)
    if not series:
        return []
    return [
        Chart(
            key="matching_scaling",
            title="Matching time against problem size",
            x_label="LR pixels x reference pixels",
            y_label="matching time / s per image",
            series=series,
            x_log=True,
            y_log=True,
            note="A straight line of slope 1 is the cost of an exhaustive search.",
        )
    ]


def accuracy_charts(report: Report, styles: Mapping[str, int]) -> list[Chart]:
    """Gain over the baseline against matching accuracy, one point per method and protocol."""
    by_dataset: dict[str, dict[str, list[Point]]] = {}
    for row in report.accuracy:
        accuracy, gain = row.scores.get(ACCURACY), row.gain
        if accuracy is not None and accuracy.mean is not None and gain is not None and gain.mean is not None:
            point = Point(accuracy.mean, gain.mean, gain.lo, gain.hi, row.protocol)
            by_dataset.setdefault(row.dataset_label, {}).setdefault(row.method_label, []).append(point)
    unit = f" / {report.metric.unit}" if report.metric.unit else ""
    found = []
    for dataset, methods in by_dataset.items():
        leaks = any(ORACLE in point.label for points in methods.values() for point in points)
        found.append(
            Chart(
                key=f"matching_accuracy_{slug(dataset)}",
                title=f"Gain against matching accuracy, {dataset}" + (f" ({ORACLE})" if leaks else ""),
                x_label="PCK@4 (share of matches within 4 HR pixels)",
                y_label=f"{report.metric.title or report.metric.alias} over the baseline{unit}",
                series=tuple(
                    Series(method, tuple(points), styles[method], line=False)
                    for method, points in methods.items()
                ),
                zero_line=True,
                note="One point per protocol that knows the true correspondence"
                + ("; the reference is a known warp of HR itself." if leaks else "."),
                dataset=dataset,
            )
        )
    return found


def _metric(entry: Entry, spec: MetricSpec) -> float | None:
    for score in entry.scores:
        if score.summary is not None and score.summary.signature == spec.signature:
            return score.summary.mean
    return None
