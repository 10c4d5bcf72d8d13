"""A plot of what methods and matchers cost: against size on logarithmic axes, and where the time goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refbench.profiling.growth import fit_growth
from refbench.stages import STAGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 5.6, 4.2
"""Inches of one panel."""
STAGE_COLOURS = {
    "extract": "#4e79a7", "match": "#f28e2b", "transfer": "#59a14f", "restore": "#e15759", "other": "#bab0ac",
}  # fmt: skip
Row = Mapping[str, Any]


def draw_cost(document: Mapping[str, Any], path: Path) -> bool:
    """Draw the document of ``refbench profile`` into a PNG; False when it has no measurements to draw.

    Panels: time against HR pixels with the fitted exponent, shares of the stages, peak memory; and for
    matchers time and memory against feature pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    methods = [row for row in document["methods"] if row["status"] == "ok"]
    matchers = [row for row in document["matchers"] if row["status"] == "ok"]
    if not methods and not matchers:
        return False
    rows = bool(methods) + bool(matchers)
    figure = Figure(figsize=(3 * WIDTH, rows * HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, 3, squeeze=False)
    if methods:
        first, second, third = panels[0]
        totals = _series(methods, _method_name, lambda row: row["size"], lambda row: row["stages"]["total"])
        _growth(first, totals, "seconds", "HR pixels", f"{_clock(methods)} of a call (s)")
        _shares(second, methods)
        _growth(third, totals, "memory", "HR pixels", "peak memory growth (MB)")
    if matchers:
        first, second, third = panels[-1]
        found = _series(matchers, _matcher_name, lambda row: row["features"][:2], lambda row: row)
        _growth(first, found, "seconds", "feature pixels", f"{_clock(matchers)} of a match (s)")
        _growth(second, found, "memory", "feature pixels", "extra memory (MB)")
        third.axis("off")
    figure.savefig(path, dpi=110)
    return True


Series = dict[str, list[dict[str, float | None]]]


def _series(rows: Sequence[Row], name: Any, size: Any, measured: Any) -> Series:
    """Curve -> points with pixels, seconds (with quartiles) and memory, by pixels."""
    curves: Series = {}
    for row in rows:
        height, width = size(row)
        found = measured(row)
        time = found[row["clock"]]
        curves.setdefault(name(row), []).append(
            {
                "pixels": height * width,
                "seconds": time["median"],
                "low": time["q1"],
                "high": time["q3"],
                "memory": found["peak_mb"],
            }
        )
    return {key: sorted(points, key=lambda p: p["pixels"] or 0.0) for key, points in curves.items()}


def _growth(axes: Axes, series: Series, value: str, x_label: str, y_label: str) -> None:
    """Points with their quartiles, and the fitted power law with its exponent in the legend."""
    for name, points in series.items():
        usable = [p for p in points if p[value] is not None and (p[value] or 0.0) > 0]
        if not usable:
            continue
        xs = [float(p["pixels"] or 0.0) for p in usable]
        ys = [float(p[value] or 0.0) for p in usable]
        fit = fit_growth(xs, ys)
        label = name if fit is None else f"{name}: exponent {fit.exponent:.2f}"
        errors = None
        if value == "seconds":
            errors = [
                [max(0.0, y - float(p["low"] or y)) for p, y in zip(usable, ys, strict=True)],
                [max(0.0, float(p["high"] or y) - y) for p, y in zip(usable, ys, strict=True)],
            ]
        drawn = axes.errorbar(xs, ys, yerr=errors, fmt="o", capsize=3, label=label)
        if fit is not None:
            ends = [min(xs), max(xs)]
            axes.plot(ends, [fit.at(x) for x in ends], color=drawn.lines[0].get_color(), linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label)
    axes.grid(True, which="both", linewidth=0.3)
    if axes.has_data():
        axes.legend(fontsize="x-small")


def _shares(axes: Axes, rows: Sequence[Row]) -> None:
    """One bar a cell, its stages stacked to 100 %."""
    names = [f"{_method_name(row)}\n{row['size'][0]}x{row['size'][1]}" for row in rows]
    opened = {name for row in rows for name in row["stages"]} - {"total"}
    order = [*(s for s in STAGES if s in opened), *sorted(opened - {*STAGES, "other"}), "other"]
    below = [0.0] * len(rows)
    for stage in order:
        shares = [100 * _seconds(row, stage) / max(_whole(row), 1e-12) for row in rows]
        axes.barh(names, shares, left=below, label=_literal(stage), color=STAGE_COLOURS.get(stage))
        below = [a + b for a, b in zip(below, shares, strict=True)]
    axes.set(xlim=(0, 100), xlabel="share of the time (%)")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize="small")
    axes.legend(fontsize="small", ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)


def _seconds(row: Row, stage: str) -> float:
    found = row["stages"].get(stage)
    return float(found[row["clock"]]["median"]) if found is not None else 0.0


def _whole(row: Row) -> float:
    """Sum of the parts' medians, which is near the total's but not equal to it."""
    return sum(_seconds(row, name) for name in row["stages"] if name != "total")


def _clock(rows: Sequence[Row]) -> str:
    return "CPU time" if {row["clock"] for row in rows} == {"cpu_s"} else "time"


def _method_name(row: Row) -> str:
    weights = row["weights"]
    mark = f" ({weights['variant']})" if weights else ""
    return _literal(f"{row['method']}{mark}" + (f" k={row['k']}" if row["k"] is not None else ""))


def _literal(text: str) -> str:
    """Names are not formulas."""
    return text.replace("$", r"\$")


def _matcher_name(row: Row) -> str:
    return f"{row['matcher']} C={row['features'][2]} k={row['k']}"
