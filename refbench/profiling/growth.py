"""How a cost grows with the size of the problem: the exponent of a power law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Growth:
    """cost = factor * size ** exponent, fitted by least squares on the logarithms."""

    exponent: float
    factor: float
    r2: float
    """Share of the variance of log cost that the line explains; 1 for two points."""
    points: int

    def at(self, size: float) -> float:
        """The fitted cost at ``size``."""
        return float(self.factor * size**self.exponent)


def fit_growth(sizes: Sequence[float], costs: Sequence[float]) -> Growth | None:
    """The power law through (size, cost); None with fewer than two different sizes.

    Costs that are not positive cannot be part of a power law and are left out.
    """
    pairs = [(math.log(s), math.log(c)) for s, c in zip(sizes, costs, strict=True) if s > 0 and c > 0]
    if len({x for x, _ in pairs}) < 2:
        return None
    n = len(pairs)
    mean_x, mean_y = sum(x for x, _ in pairs) / n, sum(y for _, y in pairs) / n
    xx = sum((x - mean_x) ** 2 for x, _ in pairs)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    yy = sum((y - mean_y) ** 2 for _, y in pairs)
    slope = xy / xx
    left = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in pairs)
    return Growth(slope, math.exp(mean_y - slope * mean_x), 1 - left / yy if yy > 0 else 1.0, n)
