"""Resampled means of images (Efron's bootstrap), the same resamples for every column of n images.

The draws depend on nothing but n: the same rows give the same interval on every machine, and every
method is resampled with the same images, as a paired comparison wants.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from refbench.stats.cluster import Floats

RESAMPLES = 9_999
"""One less than 10,000, so that the 2.5 % and 97.5 % quantiles are order statistics."""

_SEED = 20_240_229
_KEPT_BELOW = 1_000
_BLOCK = 1_000_000


def bootstrap_means(means: Floats) -> Floats:
    """Means of RESAMPLES samples with replacement from ``means`` (n,), shape (RESAMPLES,)."""
    n = len(means)
    if n < _KEPT_BELOW:
        # sums of integer multiples: a resample of zeros is exactly zero, not 1e-18 beside it
        kept: Floats = _counts(n) @ means / n
        return kept
    # a weight matrix for 10,000 images would take 800 MB: draw blocks and keep none
    rng = np.random.default_rng([_SEED, n])
    rows = max(1, _BLOCK // n)
    blocks = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    return np.concatenate([means[rng.integers(0, n, size=(count, n))].mean(axis=1) for count in blocks])


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
