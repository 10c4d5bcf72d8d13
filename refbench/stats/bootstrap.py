"""Resampled studentised means of images (Efron 1979; Hall 1988), the same resamples for every column.

The draws depend on nothing but n: the same rows give the same interval on every machine, and every
method is resampled with the same images, as a paired comparison wants. From 1,000 images the distribution of
resampled means is computed and not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

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
    return next(resample_each([means]))


def together(n: int) -> int:
    """How many samples of ``n`` images :func:`resample_each` takes at once: 32 MB of them at most."""
    return max(1, min(_TOGETHER, 4 * _BLOCK // n))


def resample_each(samples: Sequence[Floats]) -> Iterator[Resampled]:
    """:func:`resample` of many samples of one size, a block at a time: one reading of the resamples for a
    hundred samples takes a tenth of the time of a hundred readings."""
    size = together(len(samples[0])) if samples else 1
    for start in range(0, len(samples), size):
        block = samples[start : start + size]
        centred = [means - mean_of(means) for means in block]
        known = [_undrawn(means, own) for means, own in zip(block, centred, strict=True)]
        drawn = _drawn([own for own, found in zip(centred, known, strict=True) if found is None])
        yield from (next(drawn) if found is None else found for found in known)


def _undrawn(means: Floats, centred: Floats) -> Resampled | None:
    """What needs no resamples: values without spread, and many images none of which is far out."""
    variance = float(np.mean(centred**2))
    if math.sqrt(variance) <= _NO_SPREAD * float(np.max(np.abs(means))):
        return Resampled(np.zeros(RESAMPLES), 0.0)
    expanded = _expansion(centred, variance) if len(means) >= _EXPANDED_FROM else None
    return None if expanded is None else Resampled(expanded, _scale(variance, len(means)))


def _drawn(centred: Sequence[Floats]) -> Iterator[Resampled]:
    if not centred:
        return
    n = len(centred[0])
    stacked = np.stack(centred)
    both = np.concatenate([stacked, stacked**2])
    # (mean and mean square of each sample, resample)
    moments = np.concatenate([both @ counts for counts in _counts(n)], axis=1) / n
    for k, own in enumerate(centred):
        variance = float(np.mean(own**2))
        m, square = moments[k], moments[len(centred) + k]
        spread = np.maximum(square - m**2, 0.0)
        yield Resampled(m / np.sqrt((spread + _SHRINK * variance / n) / n), _scale(variance, n))


def _scale(variance: float, n: int) -> float:
    return math.sqrt((variance + _SHRINK * variance / n) / n)


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


def _counts(n: int) -> Iterator[Floats]:
    """How often each resample draws each image, some resamples at a time: (n, resamples)."""
    if n < _KEPT_BELOW:
        yield _all_counts(n)
        return
    # for 10,000 images all of them would take 800 MB
    rng = np.random.default_rng([_SEED, n])
    rows = max(1, _BLOCK // n)
    for start in range(0, RESAMPLES, rows):
        yield _counted(rng.integers(0, n, size=(min(rows, RESAMPLES - start), n)))


@lru_cache(maxsize=2)
def _all_counts(n: int) -> Floats:
    """All of them, kept: 10 MB for 126 images.

    A table of 10,000 rows needs a thousand bootstraps of the same n: as products with one matrix they
    take 1 ms each, drawn anew 25 ms.
    """
    counts = _counted(np.random.default_rng([_SEED, n]).integers(0, n, size=(RESAMPLES, n)))
    counts.setflags(write=False)
    return counts


def _counted(drawn: npt.NDArray[np.int64]) -> Floats:
    """Indices of images (resamples, n) as numbers of times (n, resamples)."""
    count, n = drawn.shape
    flat = (drawn + n * np.arange(count)[:, None]).ravel()
    by_resample = np.bincount(flat, minlength=count * n).reshape(count, n)
    return np.ascontiguousarray(by_resample.T, dtype=np.float64)


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
