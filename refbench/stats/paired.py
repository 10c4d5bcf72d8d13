"""A against B on the same trials: paired bootstrap, below 30 images the exact sign-flip test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refbench.stats.bootstrap import RESAMPLES
from refbench.stats.cluster import Floats, cluster_means
from refbench.stats.interval import BOOTSTRAP_FROM, Interval, interval_of_means

Trials = Mapping[tuple[str, int], float]
"""(sample id, draw) -> value, finite values only."""


@dataclass(frozen=True)
class Comparison:
    """Mean paired difference A - B with its interval and two-sided p."""

    difference: Interval
    p: float
    smallest_p: float
    """The least p that this test can give with this many images, whatever the data."""
    test: Literal["none", "sign-flip", "bootstrap"]


def smallest_p(clusters: int) -> float:
    """The least attainable two-sided p for this many HR images."""
    if clusters == 0:
        return 1.0
    return 2.0 / (RESAMPLES + 1) if clusters >= BOOTSTRAP_FROM else min(1.0, 2.0 / 2.0**clusters)


def _sign_sums(values: Floats) -> Floats:
    """All 2^n sums of +-values, shape (2^n,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def sign_flip_p(means: Floats) -> float:
    """Exact two-sided p of the hypothesis that differences are symmetric about zero.

    The share of the 2^n sign patterns whose sum is at least as far from zero as the observed one. The
    patterns are split in two halves whose sums are met by sorted search, so that n = 29 takes
    milliseconds where listing 5e8 patterns would take minutes. ``means``: (n,), n < 40.
    """
    n = len(means)
    observed = abs(float(np.sum(means)))
    slack = 1e-9 * float(np.sum(np.abs(means)))  # equal sums must count as equal despite rounding
    left, right = _sign_sums(means[: n // 2]), np.sort(_sign_sums(means[n // 2 :]))
    threshold = observed - slack
    if threshold <= 0.0:
        return 1.0
    above = len(right) - np.searchsorted(right, threshold - left, side="left")
    below = np.searchsorted(right, -threshold - left, side="right")
    return float((above.sum() + below.sum()) / 2.0**n)


def bootstrap_p(resampled: Floats) -> float:
    """Two-sided p by inverting the percentile interval: at most 0.05 exactly where it excludes zero.

    resampled: bootstrap means of the differences.
    """
    tail = min(int((resampled <= 0.0).sum()), int((resampled >= 0.0).sum()))
    return min(1.0, 2.0 * (1 + tail) / (len(resampled) + 1))


def compare_differences(differences: Sequence[float] | Floats, clusters: Sequence[str]) -> Comparison:
    """Test for mean zero; ``differences[i]`` is A - B on one trial of HR image ``clusters[i]``."""
    _, means = cluster_means(differences, clusters)
    interval, resampled = interval_of_means(means, len(differences))
    n = len(means)
    if n == 0:
        return Comparison(interval, 1.0, 1.0, "none")
    if resampled is None:
        return Comparison(interval, sign_flip_p(means), smallest_p(n), "sign-flip")
    return Comparison(interval, bootstrap_p(resampled), smallest_p(n), "bootstrap")


def compare(a: Trials, b: Trials) -> Comparison:
    """A - B on the trials that both have: same sample, same draw of the protocol's parameters.

    The caller decides whether leaving out unmatched trials is acceptable (rankings refuse it).
    """
    keys = sorted(a.keys() & b.keys())
    return compare_differences([a[k] - b[k] for k in keys], [sample for sample, _ in keys])


def compare_images(a: Trials, b: Trials) -> Comparison:
    """A - B of per-image means, for protocols with unequal draws: a jitter level against its control."""

    def per_image(trials: Trials) -> dict[str, float]:
        ids, means = cluster_means(list(trials.values()), [sample for sample, _ in trials])
        return dict(zip(ids, means.tolist(), strict=True))

    left, right = per_image(a), per_image(b)
    ids = sorted(left.keys() & right.keys())
    return compare_differences([left[i] - right[i] for i in ids], ids)
