"""Mean over HR images with a 95 % interval clustered by HR image.

Each end is the farther one of Student's t on image means and of the studentised bootstrap of image means.
Student's t is right for what is symmetric about its mean, however heavy its tails; the bootstrap sees
skewness, where t covers 84 % (``docs/statistics.md`` has the simulation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refbench.stats.beta import t_975, t_two_sided
from refbench.stats.bootstrap import limits, resample, tail_p
from refbench.stats.cluster import Floats, cluster_means, mean_of

Bounds = tuple[float | None, float | None]
"""Least and greatest possible value; None: there is none."""

UNBOUNDED: Bounds = (None, None)


@dataclass(frozen=True)
class Interval:
    """A mean and what is known about it."""

    mean: float | None
    """Mean of cluster means; None without any value."""
    lo: float | None
    """Lower end; None for fewer than two clusters: one image says nothing about others."""
    hi: float | None
    clusters: int
    """Distinct HR images."""
    values: int
    """Trials (images x draws)."""

    @property
    def excludes_zero(self) -> bool:
        """True when the interval exists and zero is outside it."""
        return self.lo is not None and self.hi is not None and (self.lo > 0.0 or self.hi < 0.0)


def mean_interval(
    values: Sequence[float] | Floats, clusters: Sequence[str], bounds: Bounds = UNBOUNDED
) -> Interval:
    """Mean of cluster means with its 95 % interval; deterministic, independent of the order of rows.

    ``values[i]`` was measured on HR image ``clusters[i]``. The interval stays within ``bounds``, the range
    of the values: a mean cannot leave it. Raises ValueError for inf and nan.
    """
    _, means = cluster_means(values, clusters)
    interval, _ = interval_of_means(means, len(values), bounds)
    return interval


def interval_of_means(means: Floats, values: int, bounds: Bounds = UNBOUNDED) -> tuple[Interval, float]:
    """The interval of cluster means (n,), and the two-sided p of the hypothesis that their mean is zero.

    p is at most 0.05 exactly where the interval excludes zero; 1 for fewer than two clusters.
    values: how many trials the means came from.
    """
    n = len(means)
    if n < 2:
        return Interval(mean_of(means) if n else None, None, None, n, values), 1.0
    mean = mean_of(means)
    resampled = resample(means)
    if resampled.scale == 0.0:
        return Interval(mean, mean, mean, n, values), 1.0 if mean == 0.0 else 0.0
    error = float(np.std(means, ddof=1)) / math.sqrt(n)
    half = t_975(n - 1) * error
    low, high = limits(resampled.pivots)
    lo, hi = min(-half, -high * resampled.scale), max(half, -low * resampled.scale)
    p = max(t_two_sided(mean / error, n - 1), tail_p(resampled.pivots, mean / resampled.scale))
    least, greatest = bounds
    lo, hi = mean + lo, mean + hi
    # a value may lie a rounding error outside its range, and the mean is never outside its interval
    return Interval(
        mean,
        lo if least is None else min(max(lo, least), mean),
        hi if greatest is None else max(min(hi, greatest), mean),
        n,
        values,
    ), p
