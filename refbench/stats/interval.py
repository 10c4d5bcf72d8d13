"""Mean over HR images with a 95 % interval clustered by HR image.

Each end is the farther one of Student's t on image means and of the studentised bootstrap of image means.
Student's t is right for what is symmetric about its mean, however heavy its tails; the bootstrap sees
skewness, where t covers 84 % (``docs/statistics.md`` has the simulation).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from refbench.stats.beta import t_975, t_two_sided
from refbench.stats.bootstrap import Resampled, limits, resample, resample_each, tail_p, together
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
    key = _key(means, values, bounds)
    known = _KNOWN.get(key)
    return known if known is not None else _keep(key, _of(means, values, bounds, resample(means)))


def foresee(batch: Iterable[tuple[Floats, int, Bounds]]) -> None:
    """Compute :func:`interval_of_means` for many arguments at once, so that the calls find their answers.

    It changes the time, and at most the last bit of an end: a product of many rows adds up in another order.
    A page with fifty methods asks for thousands of intervals.
    """
    by_size: dict[int, dict[_Key, Floats]] = {}
    for means, values, bounds in batch:
        key = _key(means, values, bounds)
        if len(means) < 2 or key in _KNOWN:
            continue
        wanted = by_size.setdefault(len(means), {})
        wanted[key] = means
        if len(wanted) == together(len(means)):
            _answer(by_size.pop(len(means)))
    for wanted in by_size.values():
        _answer(wanted)


_Key = tuple[bytes, int, Bounds]
_Answer = tuple[Interval, float]
_KNOWN: dict[_Key, _Answer] = {}
_MOST = 20_000


def _key(means: Floats, values: int, bounds: Bounds) -> _Key:
    # not the values: 800 kB for 100,000 images
    return hashlib.sha256(means.tobytes()).digest(), values, bounds


def _answer(wanted: Mapping[_Key, Floats]) -> None:
    answers = resample_each(list(wanted.values()))
    for (key, means), resampled in zip(wanted.items(), answers, strict=True):
        _keep(key, _of(means, key[1], key[2], resampled))


def _keep(key: _Key, answer: _Answer) -> _Answer:
    if len(_KNOWN) >= _MOST:
        _KNOWN.clear()
    _KNOWN[key] = answer
    return answer


def _of(means: Floats, values: int, bounds: Bounds, resampled: Resampled) -> _Answer:
    n = len(means)
    mean = mean_of(means)
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
