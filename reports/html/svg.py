"""Charts as SVG in the page: its colours follow light and dark, its text the page's font."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from refbench.untrusted.escape import printable

from ..chart_data import PALETTE, Chart, Point, Series
from ..ticks import log_axis_ticks, nice_ticks, number_text

WIDTH, HEIGHT = 520, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 12, 46
_TURNED_BOTTOM = 106
_LABEL = 21


def svg(chart: Chart) -> Markup:
    """One chart. All texts are escaped; series carry ``data-method`` for the page's filter."""
    return _Drawing(chart).draw()


class _Axis:
    """Data to pixels along one direction."""

    def __init__(self, values: Sequence[float], log: bool, start: float, end: float, margin: float) -> None:
        self._log = log
        finite = [math.log10(v) if log else v for v in values if math.isfinite(v) and (not log or v > 0)]
        lo, hi = (min(finite), max(finite)) if finite else (0.0, 1.0)
        pad = (hi - lo) * margin or (abs(hi) * 0.05 or 0.5)
        self._lo, self._hi = lo - pad, hi + pad
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        position = math.log10(value) if self._log else value
        share = (position - self._lo) / (self._hi - self._lo)
        return round(self._start + share * (self._end - self._start), 2)

    def ticks(self) -> list[float]:
        if not self._log:
            return nice_ticks(self._lo, self._hi)
        return log_axis_ticks(10.0**self._lo, 10.0**self._hi)


class _Drawing:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.turned = bool(chart.x_ticks) and sum(len(t) for t in chart.x_ticks) > 48
        self.bottom = HEIGHT - (_TURNED_BOTTOM if self.turned else _BOTTOM)
        points = [p for s in chart.series for p in s.points]
        if chart.kind == "stack":
            totals = [0.0] * len(chart.x_ticks)
            for point in points:
                totals[int(point.x)] += point.y
            ys = [0.0, *totals]
        else:
            ys = [v for p in points for v in (p.y, p.lo, p.hi) if v is not None]
            ys += [0.0] if chart.zero_line else []
        ticks = [-0.5, len(chart.x_ticks) - 0.5] if chart.x_ticks else []
        xs = [*(p.x for p in points), *ticks]
        self.x = _Axis(xs, chart.x_log, _LEFT, WIDTH - _RIGHT, 0.0 if ticks else 0.06)
        self.y = _Axis(ys, chart.y_log, self.bottom, _TOP, 0.06)
        if chart.kind == "stack":
            self.y._lo = 0.0

    def draw(self) -> Markup:
        parts = [self._axes()]
        if self.chart.zero_line:
            y = self.y(0.0)
            parts.append(Markup('<line class="zero" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                _LEFT, WIDTH - _RIGHT, y, y
            ))  # fmt: skip
        if self.chart.kind == "stack":
            parts += self._bars()
        else:
            # the front goes below: its line must not cross out the names of points
            ordered = sorted(self.chart.series, key=lambda series: series.name != "Pareto front")
            parts += [self._series(series) for series in ordered]
        return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
            WIDTH, HEIGHT, _shown(self.chart.title, 200), Markup("").join(parts)
        )

    def _axes(self) -> Markup:
        parts = []
        for value in self.y.ticks():
            y = self.y(value)
            if not _TOP - 1 <= y <= self.bottom + 1:
                continue
            parts.append(
                Markup(
                    '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
                    '<text class="tick" x="{3}" y="{4}" text-anchor="end">{5}</text>'
                ).format(_LEFT, WIDTH - _RIGHT, y, _LEFT - 6, y + 4, number_text(value))
            )
        named = [(float(k), _shown(name, _LABEL)) for k, name in enumerate(self.chart.x_ticks)]
        numeric = self.x.ticks()
        if all(p.x == int(p.x) for s in self.chart.series for p in s.points):
            numeric = [v for v in numeric if v == int(v)]
        for value, name in named or [(v, escape(number_text(v))) for v in numeric]:
            x = self.x(value)
            if self.turned:
                text = Markup(
                    '<text class="tick" transform="translate({},{}) rotate(-32)" text-anchor="end">{}</text>'
                ).format(x + 4, self.bottom + 14, name)
            else:
                text = Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    x, self.bottom + 16, name
                )
            parts.append(text)
        parts.append(
            Markup(
                '<line class="axis" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
                '<line class="axis" x1="{0}" x2="{0}" y1="{3}" y2="{2}"/>'
                '<text class="label" x="{4}" y="{5}" text-anchor="middle">{6}</text>'
                '<text class="label" transform="translate(13,{7}) rotate(-90)" '
                'text-anchor="middle">{8}</text>'
            ).format(
                _LEFT,
                WIDTH - _RIGHT,
                self.bottom,
                _TOP,
                (_LEFT + WIDTH - _RIGHT) / 2,
                HEIGHT - 8,
                _shown(self.chart.x_label, 70),
                (_TOP + self.bottom) / 2,
                _shown(self.chart.y_label, 48),
            )
        )
        return Markup("").join(parts)

    def _series(self, series: Series) -> Markup:
        front = series.name == "Pareto front"
        style = Markup("front") if front else Markup("s{}").format(series.style % len(PALETTE))
        parts = []
        if series.line and len(series.points) > 1:
            path = " ".join(f"{self.x(p.x)},{self.y(p.y)}" for p in series.points)
            dash = Markup(' stroke-dasharray="7 4"') if series.style >= len(PALETTE) and not front else ""
            parts.append(Markup('<polyline class="line" points="{}"{}/>').format(path, dash))
        if not front:
            parts += [self._point(series, p) for p in series.points]
        method = Markup("") if front else Markup(' data-method="{}"').format(printable(series.name))
        return Markup('<g class="{}"{}>{}</g>').format(style, method, Markup("").join(parts))

    def _point(self, series: Series, point: Point) -> Markup:
        x, y = self.x(point.x), self.y(point.y)
        parts = []
        if point.lo is not None and point.hi is not None:
            parts.append(
                Markup('<line class="bar" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                    x, self.y(point.lo), self.y(point.hi)
                )
            )
        tip = f"{series.name}: {point.label + ', ' if point.label else ''}{point.y:.4g}"
        if point.lo is not None and point.hi is not None:
            tip += f" [{point.lo:.4g}, {point.hi:.4g}]"
        if not self.chart.x_ticks:
            tip += f" at {number_text(point.x)}"
        parts.append(
            Markup('<path class="mark" d="{}"><title>{}</title></path>').format(
                _marker(series.style, x, y), printable(tip)
            )
        )
        if self.chart.labels:
            left = x > WIDTH * 0.62
            parts.append(
                Markup('<text class="name" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                    x + (-8 if left else 8), y - 7, "end" if left else "start", _shown(point.label, 30)
                )
            )
        return Markup("").join(parts)

    def _bars(self) -> list[Markup]:
        tops = [0.0] * len(self.chart.x_ticks)
        width = min(70.0, 0.6 * (self.x(1.0) - self.x(0.0)))
        parts = []
        for series in self.chart.series:
            rects = []
            for point in series.points:
                k = int(point.x)
                y0, y1 = self.y(tops[k]), self.y(tops[k] + point.y)
                tops[k] += point.y
                rects.append(
                    Markup(
                        '<rect class="fill" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
                    ).format(
                        round(self.x(point.x) - width / 2, 2),
                        y1,
                        round(width, 2),
                        round(max(0.0, y0 - y1), 2),
                        printable(f"{point.label}: {series.name} {point.y:.4g}"),
                    )
                )
            parts.append(
                Markup('<g class="s{}">{}</g>').format(series.style % len(PALETTE), Markup("").join(rects))
            )
        return parts


def legend_mark(series: Series, kind: str) -> Markup:
    """The series' line and marker for a legend: shapes tell what colours do not."""
    parts = []
    front = series.name == "Pareto front"
    if kind == "stack":
        parts.append(Markup('<rect class="fill" x="6" y="1" width="12" height="12"/>'))
    else:
        if series.line or front:
            dash = Markup(' stroke-dasharray="7 4"') if series.style >= len(PALETTE) and not front else ""
            parts.append(Markup('<polyline class="line" points="0,7 24,7"{}/>').format(dash))
        if not front:
            parts.append(Markup('<path class="mark" d="{}"/>').format(_marker(series.style, 12.0, 7.0)))
    return Markup('<svg viewBox="0 0 24 14" aria-hidden="true">{}</svg>').format(Markup("").join(parts))


def _marker(style: int, x: float, y: float) -> str:
    """Path of a circle, square, triangle, diamond, or inverted triangle around (x, y)."""
    r = 4.5
    match style % 5:
        case 0:
            return f"M{x - r:.1f},{y:.1f}a{r},{r} 0 1,0 {2 * r},0a{r},{r} 0 1,0 {-2 * r},0z"
        case 1:
            return f"M{x - r + 0.5:.1f},{y - r + 0.5:.1f}h8v8h-8z"
        case 2:
            return f"M{x:.1f},{y - r - 0.5:.1f}l5,9h-10z"
        case 3:
            return f"M{x:.1f},{y - r - 1:.1f}l5.5,5.5l-5.5,5.5l-5.5,-5.5z"
        case _:
            return f"M{x:.1f},{y + r + 0.5:.1f}l5,-9h-10z"


def _shown(text: str, limit: int) -> Markup:
    shown = printable(text)
    return escape(shown if len(shown) <= limit else shown[: limit - 1] + "…")
