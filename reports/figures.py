"""The charts for papers: PNG, SVG and PDF by matplotlib, colour-blind safe, with units."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.untrusted.escape import printable

from .chart_data import MARKERS, PALETTE, Chart, Series
from .report import Report
from .report_charts import charts
from .ticks import log_axis_ticks, number_text
from .write import put

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = ("png", "svg", "pdf")
_DASHES = ("-", "--", "-.", ":")
_WIDTH, _HEIGHT = 4.6, 3.2
"""Inches: a column of a two-column paper, with text of 8 points."""
_LABEL = 28


def write_figures(report: Report, folder: Path, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """Write every chart in the given formats; returns the files. Raises UserError when it cannot write."""
    written = []
    for chart in charts(report):
        for suffix, data in figure_files(chart, suffixes).items():
            written.append(put(folder, f"{chart.key}.{suffix}", data))
    return written


def figure_files(chart: Chart, suffixes: Sequence[str] = SUFFIXES) -> dict[str, bytes]:
    """Suffix -> file contents; the same chart gives the same bytes."""
    import matplotlib

    # no timestamps and no random ids: a figure that did not change must not change its file
    settings: Any = {
        "font.size": 8,
        "svg.fonttype": "none",
        "svg.hashsalt": chart.key,
        "pdf.fonttype": 42,
        # names of methods are data: `$` is not a formula
        "text.parse_math": False,
    }
    nothing = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    files = {}
    with matplotlib.rc_context(settings):
        figure = draw(chart)
        for suffix in suffixes:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, dpi=200, bbox_inches="tight", metadata=nothing[suffix])
            files[suffix] = buffer.getvalue()
    return files


def draw(chart: Chart) -> Figure:
    """The figure; it belongs to no pyplot state."""
    from matplotlib.figure import Figure

    wide = max(_WIDTH, 0.55 * len(chart.x_ticks) + 1.5)
    figure = Figure(figsize=(wide, _HEIGHT))
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
    axes.set_title(printable(chart.title), fontsize=8)
    _scales(axes, chart)
    if chart.x_ticks:
        turned = max(len(t) for t in chart.x_ticks) * len(chart.x_ticks) > 50
        axes.set_xticks(
            range(len(chart.x_ticks)),
            [short(t) for t in chart.x_ticks],
            rotation=30 if turned else 0,
            ha="right" if turned else "center",
        )
    axes.grid(True, axis="y", linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


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
    """A label without control characters and not wider than a figure."""
    shown = printable(text)
    return shown if len(shown) <= _LABEL else shown[: _LABEL - 3] + "..."


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
