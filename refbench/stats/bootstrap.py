"""Resampled means of images (Efron's bootstrap), the same resamples for every column of n images.

The draws depend on nothing but n: the same rows give the same interval on every machine, and every
method is resampled with the same images, as a paired comparison wants. From 1,000 images the distribution of
resampled means is computed and not drawn.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from refbench.stats.cluster import Floats

RESAMPLES = 9_999
"""One less than 10,000, so that the 2.5 % and 97.5 % quantiles are order statistics."""

_SEED = 20_240_229
_KEPT_BELOW = 1_000
_EXPANDED_FROM = 1_000
_MOST_SKEWED = 0.1
_BLOCK = 1_000_000


def bootstrap_means(means: Floats) -> Floats:
    """Means of RESAMPLES samples with replacement from ``means`` (n,), shape (RESAMPLES,)."""
    n = len(means)
    if n < _KEPT_BELOW:
        # sums of integer multiples: a resample of zeros is exactly zero, not 1e-18 beside it
        kept: Floats = _counts(n) @ means / n
        return kept
    if n >= _EXPANDED_FROM and (expanded := _expansion(means)) is not None:
        return expanded
    # a weight matrix for 10,000 images would take 800 MB: draw blocks and keep none
    rng = np.random.default_rng([_SEED, n])
    rows = max(1, _BLOCK // n)
    blocks = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    return np.concatenate([means[rng.integers(0, n, size=(count, n))].mean(axis=1) for count in blocks])


def _expansion(means: Floats) -> Floats | None:
    """The resampled means' distribution as its RESAMPLES quantiles, not drawn but expanded, shape as drawn.

    The mean of n draws with replacement has the cumulants m, s^2 / n, g s^3 / n^2, k s^4 / n^3 of the sample
    (standard deviation s, skewness g, excess kurtosis k), so its quantiles follow from normal ones by the
    Cornish-Fisher expansion (Cornish and Fisher 1938; Hall, The Bootstrap and Edgeworth Expansion, 2.5).
    What it leaves out is of order (g / sqrt n)^3, far below the chance in 9,999 draws; drawing takes 10^9
    random numbers for 100,000 images. None where g / sqrt n is too large for that: a few images far out.
    """
    n = len(means)
    centred = means - means.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    if deviation == 0.0:
        return np.full(RESAMPLES, math.fsum(means.tolist()) / n)
    skewness = float(np.mean(centred**3)) / deviation**3 / math.sqrt(n)
    kurtosis = (float(np.mean(centred**4)) / deviation**4 - 3.0) / n
    if abs(skewness) > _MOST_SKEWED or abs(kurtosis) > _MOST_SKEWED:
        return None
    z = _normal_quantiles()
    w = z + (z**2 - 1) * skewness / 6 + (z**3 - 3 * z) * kurtosis / 24 - (2 * z**3 - 5 * z) * skewness**2 / 36
    expanded: Floats = math.fsum(means.tolist()) / n + deviation / math.sqrt(n) * w
    return expanded


@lru_cache(maxsize=1)
def _normal_quantiles() -> Floats:
    """Quantiles i / (RESAMPLES + 1) of the standard normal, i from 1: expected order statistics."""
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf(i / (RESAMPLES + 1)) for i in range(1, RESAMPLES + 1)])
    quantiles.setflags(write=False)
    return quantiles


@lru_cache(maxsize=2)
def _counts(n: int) -> Floats:
    """How often each resample draws each image: (RESAMPLES, n), 10 MB for 126 images.

    A table of 10,000 rows needs a thousand bootstraps of the same n: as products with one matrix they
    take 1 ms each, drawn anew 25 ms.
    """
    drawn = np.random.default_rng([_SEED, n]).integers(0, n, size=(RESAMPLES, n))
    flat = (drawn + n * np.arange(RESAMPLES)[:, None]).ravel()
    counts: Floats = np.bincount(flat, minlength=RESAMPLES * n).reshape(RESAMPLES, n).astype(np.float64)
    counts.setflags(write=False)
    return counts


def percentile_interval(resampled: Floats) -> tuple[float, float]:
    """The central 95 % of resampled means, as order statistics.

    With 9,999 resamples these are the 250th from each end, so that the interval excludes zero exactly
    when the two-sided bootstrap p is at most 0.05.
    """
    lo, hi = np.quantile(resampled, [0.025, 0.975], method="weibull")
    return float(lo), float(hi)
