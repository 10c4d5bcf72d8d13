"""A against B on the same trials: the mean difference, and what a mean hides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from refbench.stats.beta import t_80, t_975
from refbench.stats.bootstrap import RESAMPLES
from refbench.stats.cluster import Floats, cluster_means
from refbench.stats.interval import UNBOUNDED, Bounds, Interval, foresee, interval_of_means
from refbench.stats.proportion import Proportion, exact

Trials = Mapping[tuple[str, int], float]
"""(sample id, draw) -> value, finite values only."""

ALPHA = 0.05
FEW = 0.25
"""At most this share of the images is "a few"."""
CARRIED = 0.8
"""Share of all change that a few images must make to be worth a note."""


@dataclass(frozen=True)
class Comparison:
    """Mean paired difference A - B with its interval and two-sided p, and what it is made of."""

    difference: Interval
    p: float
    """Of the hypothesis that the mean is zero: at most 0.05 where the interval excludes zero and there are
    images enough for it, see :func:`smallest_p`."""
    smallest_p: float
    """The least p that is given for this many images, whatever the data."""
    median: float | None = None
    """Median of the images' differences; None without images."""
    above: int = 0
    """Images on which A is above B; ties do not count."""
    below: int = 0
    carriers: int = 0
    """How many images make CARRIED of all change (of the sum of absolute differences), where these are a
    FEW of all; else 0."""
    deviation: float | None = None
    """Standard deviation of the images' differences; None for fewer than two images."""

    @property
    def significant(self) -> bool:
        """The one rule for a comparison alone; for a family of them see :func:`refbench.stats.holm`."""
        return self.p <= ALPHA

    @property
    def detectable(self) -> float | None:
        """The true mean difference that a test with this many images and this spread finds in 80 % of
        cases: (t_0.975 + t_0.8) standard errors; None for fewer than two images."""
        n = self.difference.clusters
        if self.deviation is None:
            return None
        return (t_975(n - 1) + t_80(n - 1)) * self.deviation / math.sqrt(n)

    def better(self, higher_is_better: bool) -> Proportion:
        """The share of images on which A is the better one, with its exact interval."""
        return exact(self.above if higher_is_better else self.below, self.difference.clusters)


def smallest_p(clusters: int) -> float:
    """The least two-sided p that is given for this many HR images.

    Below 14 images that of the sign-flip test, 2 / 2^n: no test that does not trust in a shape of the
    distribution can give less.
    """
    return min(1.0, max(2.0 / (RESAMPLES + 1), 2.0 * 0.5**clusters))


def compare_differences(
    differences: Sequence[float] | Floats, clusters: Sequence[str], bounds: Bounds = UNBOUNDED
) -> Comparison:
    """Test for mean zero; ``differences[i]`` is A - B on one trial of HR image ``clusters[i]``.

    bounds: the range of a difference, which its interval does not leave.
    """
    _, means = cluster_means(differences, clusters)
    interval, p = interval_of_means(means, len(differences), bounds)
    n = len(means)
    least = smallest_p(n)
    return Comparison(
        interval,
        max(p, least),
        least,
        median=float(np.median(means)) if n else None,
        above=int((means > 0.0).sum()),
        below=int((means < 0.0).sum()),
        carriers=_carriers(means),
        deviation=float(np.std(means, ddof=1)) if n > 1 else None,
    )


def _carriers(means: Floats) -> int:
    sizes = np.sort(np.abs(means))[::-1]
    carried = np.cumsum(sizes)
    if len(sizes) == 0 or carried[-1] == 0.0:
        return 0
    # a share that rounding takes below 0.8 is still 0.8
    count = 1 + int(np.searchsorted(carried, (CARRIED - 1e-12) * carried[-1]))
    return count if count <= FEW * len(sizes) else 0


def difference_bounds(bounds: Bounds) -> Bounds:
    """The range of a difference of two values within ``bounds``."""
    least, greatest = bounds
    if least is None or greatest is None:
        return UNBOUNDED
    return least - greatest, greatest - least


def foresee_comparisons(pairs: Iterable[tuple[Trials, Trials]], bounds: Bounds = UNBOUNDED) -> None:
    """Say which comparisons (:func:`compare`) come next: together they take a tenth of the time."""
    limits = difference_bounds(bounds)
    foresee((_means(a, b), len(a.keys() & b.keys()), limits) for a, b in pairs if a is not b)


def _means(a: Trials, b: Trials) -> Floats:
    keys = sorted(a.keys() & b.keys())
    return cluster_means([a[k] - b[k] for k in keys], [sample for sample, _ in keys])[1]


def compare(a: Trials, b: Trials, bounds: Bounds = UNBOUNDED) -> Comparison:
    """A - B on the trials that both have: same sample, same draw of the protocol's parameters.

    bounds: the metric's range (``MetricSpec.bounds``). The caller decides whether leaving out unmatched
    trials is acceptable (rankings refuse it).
    """
    keys = sorted(a.keys() & b.keys())
    samples = [sample for sample, _ in keys]
    return compare_differences([a[k] - b[k] for k in keys], samples, difference_bounds(bounds))


def compare_images(a: Trials, b: Trials, bounds: Bounds = UNBOUNDED) -> Comparison:
    """A - B of per-image means, for protocols with unequal draws: a jitter level against its control."""
    ids, differences = _of_images(a, b)
    return compare_differences(differences, ids, difference_bounds(bounds))


def foresee_images(pairs: Iterable[tuple[Trials, Trials]], bounds: Bounds = UNBOUNDED) -> None:
    """:func:`foresee_comparisons` for :func:`compare_images`."""
    limits = difference_bounds(bounds)
    found = (_of_images(a, b) for a, b in pairs)
    foresee((cluster_means(values, ids)[1], len(values), limits) for ids, values in found)


def _of_images(a: Trials, b: Trials) -> tuple[list[str], list[float]]:
    def per_image(trials: Trials) -> dict[str, float]:
        ids, means = cluster_means(list(trials.values()), [sample for sample, _ in trials])
        return dict(zip(ids, means.tolist(), strict=True))

    left, right = per_image(a), per_image(b)
    ids = sorted(left.keys() & right.keys())
    return ids, [left[i] - right[i] for i in ids]
