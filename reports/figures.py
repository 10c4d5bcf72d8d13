"""The charts for papers: PNG, SVG and PDF by matplotlib, colour-blind safe, with units."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.protocols.reference import ORACLE
from refbench.untrusted.escape import printable

from .chart_data import MARKERS, PALETTE, Chart, Series
from .files import put
from .report import Report
from .report_charts import charts
from .style import STYLES, FigureStyle
from .ticks import log_axis_ticks, number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = ("png", "svg", "pdf")
_DASHES = ("-", "--", "-.", ":")
_SHAPE = 0.72
"""Height of the axes in units of the figure's width."""
_LINE = 34
"""Letters of a tick or a name before it goes on in the next line."""


def write_figures(
    report: Report,
    folder: Path,
    suffixes: Sequence[str] = SUFFIXES,
    *,
    style: FigureStyle = STYLES["page"],
    names: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write every chart in the given formats; returns the files. Raises UserError when it cannot write.

    names: method label -> what to call it.
    """
    written = []
    for chart in charts(report):
        for suffix, data in figure_files(displayed(chart, names or {}), suffixes, style).items():
            written.append(put(folder, f"{chart.key}.{suffix}", data))
    return written


def displayed(chart: Chart, names: Mapping[str, str]) -> Chart:
    """The chart with its methods' names in print."""

    def named(text: str) -> str:
        return names.get(text, text)

    return replace(
        chart,
        x_ticks=tuple(named(tick) for tick in chart.x_ticks),
        series=tuple(
            replace(
                series,
                name=named(series.name),
                points=tuple(replace(point, label=named(point.label)) for point in series.points),
            )
            for series in chart.series
        ),
    )


def figure_files(
    chart: Chart, suffixes: Sequence[str] = SUFFIXES, style: FigureStyle = STYLES["page"]
) -> dict[str, bytes]:
    """Suffix -> file contents; the same chart gives the same bytes."""
    import matplotlib

    # no timestamps and no random ids: a figure that did not change must not change its file
    settings: Any = {**style.settings(), "svg.hashsalt": chart.key}
    nothing = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    files = {}
    with matplotlib.rc_context(settings):
        figure = draw(chart, style)
        for suffix in suffixes:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, dpi=300, metadata=nothing[suffix])
            files[suffix] = buffer.getvalue()
    return files


def draw(chart: Chart, style: FigureStyle = STYLES["page"]) -> Figure:
    """The figure; it belongs to no pyplot state. No title: that is the caption's."""
    from matplotlib.figure import Figure

    # many ticks need more than a column
    wide = min(style.text, max(style.column, 0.3 * len(chart.x_ticks) + 1.0))
    names = [short(s.name) for s in chart.series if not chart.labels or s.name == "Pareto front"]
    columns, rows = _legend_shape(names, wide, style)
    turned = _turned(chart.x_ticks, wide, style)
    longest = max((len(line) for tick in chart.x_ticks for line in short(tick).split("\n")), default=0)
    below = rows * 1.6 + (0.45 * longest if turned else 0.0)
    figure = Figure(figsize=(wide, _SHAPE * wide + below * style.points / 72), layout="constrained")
    axes = figure.subplots()
    if chart.zero_line:
        axes.axhline(0.0, color="#888888", linewidth=0.8, zorder=0)
    if chart.kind == "stack":
        _stack(axes, chart)
    else:
        for series in chart.series:
            _line(axes, chart, series)
    axes.set_xlabel(printable(chart.x_label))
    axes.set_ylabel(printable(chart.y_label))
    _scales(axes, chart)
    if chart.x_ticks:
        axes.set_xticks(
            range(len(chart.x_ticks)),
            [short(t) for t in chart.x_ticks],
            rotation=35 if turned else 0,
            ha="right" if turned else "center",
            rotation_mode="anchor" if turned else "default",
        )
    if ORACLE in chart.title:
        # the caption says what is shown; that a number is not a result must not depend on it
        axes.annotate(ORACLE, (0, 1), (0, 2), "axes fraction", "offset points", fontsize=style.points - 1)
    axes.grid(True, axis="y", linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=columns,
            frameon=False,
            fontsize=style.points - 1,
        )
    return figure


def _legend_shape(names: Sequence[str], wide: float, style: FigureStyle) -> tuple[int, int]:
    """(columns, rows) of a legend below the axes in which every name stands whole."""
    if not names:
        return 1, 0
    letters = max(len(line) for name in names for line in name.split("\n"))
    each = (letters * 0.52 + 5.0) * (style.points - 1) / 72
    columns = max(1, min(len(names), int(wide / each)))
    return columns, math.ceil(len(names) / columns)


def _turned(ticks: Sequence[str], wide: float, style: FigureStyle) -> bool:
    """Whether the ticks' names would run into each other side by side."""
    letters = max((len(line) for tick in ticks for line in short(tick).split("\n")), default=0)
    return letters * 0.55 * style.points / 72 > (wide - 0.8) / max(1, len(ticks))


def _scales(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

    # plain numbers: the default ones of a log axis are formulas, which are switched off
    plain = FuncFormatter(lambda value, _: number_text(value))
    for log, axis, set_scale, limits in (
        (chart.x_log, axes.xaxis, axes.set_xscale, axes.get_xlim),
        (chart.y_log, axes.yaxis, axes.set_yscale, axes.get_ylim),
    ):
        if log:
            set_scale("log")
            axis.set_major_locator(FixedLocator(log_axis_ticks(*limits())))
            axis.set_major_formatter(plain)
            axis.set_minor_formatter(NullFormatter())
    if not chart.x_log and not chart.x_ticks and all(p.x == int(p.x) for s in chart.series for p in s.points):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def short(text: str) -> str:
    """A label without control characters, in lines of at most _LINE letters: nothing of it is left out."""
    return "\n".join(textwrap.wrap(printable(text), _LINE, break_on_hyphens=False)) or " "


def _line(axes: Axes, chart: Chart, series: Series) -> None:
    front = series.name == "Pareto front"
    colour = "#777777" if front else PALETTE[series.style % len(PALETTE)]
    xs, ys = [p.x for p in series.points], [p.y for p in series.points]
    bars = any(p.lo is not None and p.hi is not None for p in series.points)
    below = [p.y - p.lo if p.lo is not None else 0.0 for p in series.points]
    above = [p.hi - p.y if p.hi is not None else 0.0 for p in series.points]
    drawn = [_DASHES[series.style // len(PALETTE) % len(_DASHES)], ":"][front] if series.line else "none"
    axes.errorbar(
        xs,
        ys,
        yerr=[below, above] if bars else None,
        xerr=_across(series),
        color=colour,
        linestyle=drawn,
        marker="none" if front else MARKERS[series.style % len(MARKERS)],
        markersize=4,
        linewidth=1.2,
        elinewidth=0.8,
        capsize=2,
        # names that stand at their points need no second place
        label="_nolegend_" if chart.labels and not front else short(series.name),
    )
    if chart.labels and not front:
        for point in series.points:
            left = _beyond_middle(chart, point.x)
            axes.annotate(
                short(point.label),
                (point.x, point.y),
                xytext=(-4 if left else 4, 4),
                textcoords="offset points",
                ha="right" if left else "left",
                fontsize=7,
            )


def _across(series: Series) -> Any:
    """Quartiles along x as distances, None where none of the points has them."""
    known = [p for p in series.points if p.x_lo is not None and p.x_hi is not None]
    if len(known) < len(series.points) or not known:
        return None
    return [[p.x - (p.x_lo or 0.0) for p in known], [(p.x_hi or 0.0) - p.x for p in known]]


def _beyond_middle(chart: Chart, x: float) -> bool:
    """Whether a point lies in the right half, where its name would run out of the figure."""
    xs = [p.x for series in chart.series for p in series.points]
    low, high = min(xs), max(xs)
    return x > (math.sqrt(low * high) if chart.x_log else (low + high) / 2)


def _stack(axes: Axes, chart: Chart) -> None:
    bottom = [0.0] * len(chart.x_ticks)
    for series in chart.series:
        heights = [0.0] * len(chart.x_ticks)
        for point in series.points:
            heights[int(point.x)] = point.y
        axes.bar(
            range(len(heights)),
            heights,
            bottom=bottom,
            color=PALETTE[series.style % len(PALETTE)],
            edgecolor="white",
            linewidth=0.5,
            width=0.6,
            label=short(series.name),
        )
        bottom = [b + h for b, h in zip(bottom, heights, strict=True)]
