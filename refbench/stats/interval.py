"""Mean over HR images with a 95 % interval clustered by HR image.

From 30 images up the percentile bootstrap of cluster means, below that the t interval on cluster means:
on skewed data the bootstrap covers too little at small n (``python -m refbench.stats.coverage``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refbench.stats.bootstrap import bootstrap_means, percentile_interval
from refbench.stats.cluster import Floats, cluster_means, mean_of

BOOTSTRAP_FROM = 30
"""Clusters from which the bootstrap is used."""

T_975: tuple[float, ...] = (
    12.706204736175, 4.302652729749, 3.182446305284, 2.776445105198, 2.570581835636, 2.446911851145,
    2.364624251593, 2.306004135204, 2.262157162798, 2.228138851986, 2.200985160092, 2.178812829667,
    2.160368656463, 2.144786687918, 2.131449545560, 2.119905299221, 2.109815577833, 2.100922040241,
    2.093024054408, 2.085963447266, 2.079613844728, 2.073873067904, 2.068657610419, 2.063898561628,
    2.059538552753, 2.055529438643, 2.051830516480, 2.048407141795,
)  # fmt: skip
"""97.5 % quantiles of Student's t for 1..28 degrees of freedom: all that n < 30 needs, without scipy."""


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
    kind: Literal["none", "t", "bootstrap"]

    @property
    def excludes_zero(self) -> bool:
        """True when the interval exists and zero is outside it."""
        return self.lo is not None and self.hi is not None and (self.lo > 0.0 or self.hi < 0.0)


def mean_interval(values: Sequence[float] | Floats, clusters: Sequence[str]) -> Interval:
    """Mean of cluster means with its 95 % interval; deterministic, independent of the order of rows.

    ``values[i]`` was measured on HR image ``clusters[i]``. Raises ValueError for inf and nan.
    """
    _, means = cluster_means(values, clusters)
    interval, _ = interval_of_means(means, len(values))
    return interval


def interval_of_means(means: Floats, values: int) -> tuple[Interval, Floats | None]:
    """The interval of cluster means (n,), and the resampled means where the bootstrap made it.

    values: how many trials the means came from.
    """
    n = len(means)
    if n == 0:
        return Interval(None, None, None, 0, 0, "none"), None
    mean = mean_of(means)
    if n == 1:
        return Interval(mean, None, None, 1, values, "none"), None
    if n < BOOTSTRAP_FROM:
        half = T_975[n - 2] * float(np.std(means, ddof=1)) / math.sqrt(n)
        return Interval(mean, mean - half, mean + half, n, values, "t"), None
    resampled = bootstrap_means(means)
    lo, hi = percentile_interval(resampled)
    return Interval(mean, lo, hi, n, values, "bootstrap"), resampled
