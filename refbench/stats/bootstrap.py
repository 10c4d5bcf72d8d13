"""Resampled studentised means of images (Efron 1979; Hall 1988), the same resamples for every column.

The draws depend on nothing but n: the same rows give the same interval on every machine, and every
method is resampled with the same images, as a paired comparison wants. From 1,000 images the distribution of
resampled means is computed and not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from statistics import NormalDist

import numpy as np

from refbench.stats.cluster import Floats, mean_of

RESAMPLES = 9_999
"""One less than 10,000, so that the 2.5 % and 97.5 % quantiles are order statistics."""

_SEED = 20_240_229
_KEPT_BELOW = 1_000
_TOGETHER = 128
_EXPANDED_FROM = 1_000
_MOST_SKEWED = 0.1
_BLOCK = 1_000_000
_SHRINK = 0.5
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Resampled:
    """What resampling says about the mean of n images."""

    pivots: Floats
    """Shape (RESAMPLES,): how far each resample's mean lies from the sample's, in ``scale`` of its own."""
    scale: float
    """The sample's own scale, in the unit of the values; 0 when all values are equal."""


def resample(means: Floats) -> Resampled:
    """Studentised means of RESAMPLES samples with replacement from ``means``, shape (n,), n >= 2.

    With m and s^2 the mean and variance (divisor n) of the sample, and m*, s*^2 those of a resample,

        t* = (m* - m) / sqrt((s*^2 + c s^2 / n) / n),   c = 1/2,

    and the sample's scale is sqrt(s^2 (1 + c / n) / n), so that t = (m - mu) / scale is distributed about
    as t*. The c is what keeps t* finite: a resample may draw one image n times over, or none of the few
    that differ at all. It costs no coverage from n = 6 up (``docs/statistics.md``).
    """
    centred = means - mean_of(means)
    return _studentised(means, centred, lambda: _moments(centred))


def resample_each(samples: Sequence[Floats]) -> Iterator[Resampled]:
    """:func:`resample` of many samples of one size n < 1000, a block at a time: one reading of the resamples
    for a hundred samples takes a tenth of the time of a hundred readings."""
    for start in range(0, len(samples), _TOGETHER):
        block = samples[start : start + _TOGETHER]
        centred = np.stack([means - mean_of(means) for means in block])
        n = centred.shape[1]
        both = np.concatenate([centred, centred**2]) @ _counts(n) / n
        for k, means in enumerate(block):
            moments = both[k], both[len(block) + k]
            yield _studentised(means, centred[k], partial(_given, moments))


def _given(moments: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    return moments


def _studentised(means: Floats, centred: Floats, moments: Callable[[], tuple[Floats, Floats]]) -> Resampled:
    n = len(means)
    variance = float(np.mean(centred**2))
    if math.sqrt(variance) <= _NO_SPREAD * float(np.max(np.abs(means))):
        return Resampled(np.zeros(RESAMPLES), 0.0)
    floor = _SHRINK * variance / n
    scale = math.sqrt((variance + floor) / n)
    if n >= _EXPANDED_FROM and (expanded := _expansion(centred, variance)) is not None:
        return Resampled(expanded, scale)
    m, square = moments()
    spread = np.maximum(square - m**2, 0.0)
    return Resampled(m / np.sqrt((spread + floor) / n), scale)


def _moments(centred: Floats) -> tuple[Floats, Floats]:
    """(mean, mean square) of each resample, both of shape (RESAMPLES,)."""
    n = len(centred)
    both = np.stack([centred, centred**2])
    if n < _KEPT_BELOW:
        kept = both @ _counts(n) / n
        return kept[0], kept[1]
    # a weight matrix for 10,000 images would take 800 MB: draw blocks and keep none
    rng = np.random.default_rng([_SEED, n])
    rows = max(1, _BLOCK // n)
    blocks = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    drawn = np.concatenate(
        [both[:, rng.integers(0, n, size=(count, n))].mean(axis=2) for count in blocks], axis=1
    )
    return drawn[0], drawn[1]


def _expansion(centred: Floats, variance: float) -> Floats | None:
    """The distribution of t* as its RESAMPLES quantiles, not drawn but expanded, shape as drawn.

    The studentised mean of n draws from a sample with skewness g and excess kurtosis k has, with
    q1 = g (2 z^2 + 1) / 6 and q2 = z (k (z^2 - 3) / 12 - g^2 (z^4 + 2 z^2 - 3) / 18 - (z^2 + 3) / 4), the
    quantiles z - q1 / sqrt n + (q1 q1' - z q1^2 / 2 - q2) / n of normal ones z (Hall, The Bootstrap and
    Edgeworth Expansion, 1992, 2.6). What that leaves out is of order (g / sqrt n)^3, far below the chance in
    9,999 draws; drawing takes 10^9 random numbers for 100,000 images. None where g / sqrt n is too large
    for that: a few images far out.
    """
    n = len(centred)
    deviation = math.sqrt(variance)
    g = float(np.mean(centred**3)) / deviation**3
    k = float(np.mean(centred**4)) / deviation**4 - 3.0
    if abs(g) / math.sqrt(n) > _MOST_SKEWED or abs(k) / n > _MOST_SKEWED:
        return None
    z = _normal_quantiles()
    q1 = g * (2 * z**2 + 1) / 6
    q2 = z * (k * (z**2 - 3) / 12 - g**2 * (z**4 + 2 * z**2 - 3) / 18 - (z**2 + 3) / 4)
    expanded: Floats = z - q1 / math.sqrt(n) + (q1 * g * z * 2 / 3 - z * q1**2 / 2 - q2) / n
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
    """How often each resample draws each image: (n, RESAMPLES), 10 MB for 126 images.

    A table of 10,000 rows needs a thousand bootstraps of the same n: as products with one matrix they
    take 1 ms each, drawn anew 25 ms.
    """
    drawn = np.random.default_rng([_SEED, n]).integers(0, n, size=(RESAMPLES, n))
    flat = (drawn + n * np.arange(RESAMPLES)[:, None]).ravel()
    by_resample = np.bincount(flat, minlength=RESAMPLES * n).reshape(RESAMPLES, n)
    counts: Floats = np.ascontiguousarray(by_resample.T, dtype=np.float64)
    counts.setflags(write=False)
    return counts


def limits(pivots: Floats) -> tuple[float, float]:
    """The central 95 % of pivots, as order statistics: with 9,999 the 250th from each end."""
    cut = round(0.025 * (len(pivots) + 1))
    ordered = np.partition(pivots, [cut - 1, len(pivots) - cut])
    return float(ordered[cut - 1]), float(ordered[len(pivots) - cut])


def tail_p(pivots: Floats, observed: float) -> float:
    """Two-sided p of a mean that lies ``observed`` scales from zero: at most 0.05 exactly where the interval
    made of :func:`limits` excludes zero.
    """
    beyond = (pivots >= observed) if observed > 0.0 else (pivots <= observed)
    return min(1.0, 2.0 * (1 + int(beyond.sum())) / (len(pivots) + 1))
