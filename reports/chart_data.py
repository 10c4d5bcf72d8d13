"""A chart as data: drawn by matplotlib for papers and as SVG in the page, from the same points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A500",
    "#882255", "#44AA99", "#332288", "#999999",
)  # fmt: skip
"""Okabe and Ito's colours, then Tol's: told apart with any common colour blindness; markers differ too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h", "p")


@dataclass(frozen=True)
class Point:
    """One point with its 95 % interval, where there is one."""

    x: float
    y: float
    lo: float | None = None
    hi: float | None = None
    label: str = ""
    """What the point is, for its tooltip and, in scatters, next to it."""
    x_lo: float | None = None
    x_hi: float | None = None
    """Quartiles along x, where x is a measured cost."""


@dataclass(frozen=True)
class Series:
    """Points of one method; the same method has the same colour in every chart of a report."""

    name: str
    points: tuple[Point, ...]
    style: int = 0
    """Index of colour and marker."""
    line: bool = True
    """False: points only."""


@dataclass(frozen=True)
class Chart:
    """One set of axes."""

    key: str
    """File name without suffix."""
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_ticks: tuple[str, ...] = ()
    """Names of x = 0, 1, ...; empty: a numeric axis."""
    x_log: bool = False
    y_log: bool = False
    kind: Literal["lines", "stack"] = "lines"
    """``stack``: bars, one per x, whose parts are the series' y at that x."""
    labels: bool = False
    """Write the points' labels next to them."""
    note: str = ""
    zero_line: bool = False
    dataset: str = ""
    protocol: str = ""
    """What the page's filters match; empty matches everything."""


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Points that no other one beats in both: least x (cost) first, y (quality) rising along the front."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if not front or point.y > front[-1].y:
            front.append(point)
    return front
