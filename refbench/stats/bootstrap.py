"""Resampled means of clusters (Efron's bootstrap)."""

from __future__ import annotations

import numpy as np

from refbench.stats.cluster import Floats

RESAMPLES = 9_999
"""One less than 10,000, so that the 2.5 % and 97.5 % quantiles are order statistics."""
_BLOCK = 1_000_000


def bootstrap_means(means: Floats, rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """Means of ``resamples`` samples with replacement from ``means`` (n,), shape (resamples,).

    Drawn in blocks: 10,000 images would otherwise need 800 MB of indices.
    """
    n = len(means)
    rows = max(1, _BLOCK // n)
    result = np.empty(resamples)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        result[start:stop] = means[rng.integers(0, n, size=(stop - start, n))].mean(axis=1)
    return result


def percentile_interval(resampled: Floats) -> tuple[float, float]:
    """The central 95 % of resampled means, as order statistics.

    With 9,999 resamples these are the 250th from each end, so that the interval excludes zero exactly
    when the two-sided bootstrap p is at most 0.05.
    """
    lo, hi = np.quantile(resampled, [0.025, 0.975], method="weibull")
    return float(lo), float(hi)
