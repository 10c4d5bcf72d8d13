"""A share of images with Wilson's score interval (Wilson 1927)."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_975 = 1.959963984540054
"""97.5 % quantile of the standard normal."""


@dataclass(frozen=True)
class Proportion:
    """``count`` of ``n`` images, with a 95 % interval."""

    count: int
    n: int
    share: float | None
    """``count / n`` in [0, 1]; None without any image."""
    lo: float | None
    hi: float | None


def wilson(count: int, n: int) -> Proportion:
    """The share ``count / n`` with Wilson's interval, which stays in [0, 1] and is not empty at 0 or n.

    Raises ValueError unless 0 <= count <= n.
    """
    if not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no share")
    if n == 0:
        return Proportion(0, 0, None, None, None)
    share, square = count / n, Z_975 * Z_975
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z_975 * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    # at 0 and n one end is exactly 0 or 1, which rounding would miss by 1e-17
    lo = 0.0 if count == 0 else centre - half
    hi = 1.0 if count == n else centre + half
    return Proportion(count, n, share, lo, hi)
