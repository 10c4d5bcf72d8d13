"""What a reference is worth: gain over none, how often it harms, and whether the right one matters.

"None" is a constant grey reference: the same network, the same trial, and nothing to copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refbench.stats.interval import UNBOUNDED, Bounds
from refbench.stats.paired import Comparison, Trials, compare_differences, difference_bounds
from refbench.stats.proportion import Proportion, exact
from refbench.stats.robustness import per_image


@dataclass(frozen=True)
class ReferenceGain:
    """One method, one metric, one type of reference."""

    gain: Comparison
    """Value with this reference minus value with the constant one, paired by HR image; positive is better
    for every metric."""
    harm: Proportion
    """Share of HR images on which this reference is worse than the constant one; ties do not count."""


def reference_gain(
    reference: Trials, constant: Trials, *, higher_is_better: bool, bounds: Bounds = UNBOUNDED
) -> ReferenceGain:
    """Gain and harm rate of one reference type over the same method with a constant reference.

    Draws of an image are averaged first; images that only one of the two has are left out. bounds: the
    metric's range.
    """
    differences = _gains(reference, constant, higher_is_better)
    harmed = sum(1 for value in differences.values() if value < 0.0)
    return ReferenceGain(
        gain=compare_differences(list(differences.values()), list(differences), difference_bounds(bounds)),
        harm=exact(harmed, len(differences)),
    )


def selectivity(
    best: Trials,
    unrelated: Mapping[str, Trials],
    constant: Trials,
    *,
    higher_is_better: bool,
    bounds: Bounds = UNBOUNDED,
) -> Comparison | None:
    """Gain of the most similar reference (L1) minus the mean gain of unrelated ones, paired by HR image.

    With g_i(r) the gain of reference type r on image i over the constant reference and U the unrelated
    types, the mean over images of g_i(L1) - (1 / |U|) sum_{u in U} g_i(u), in the metric's unit. A method
    that copies from wherever it looks scores 0; one that uses the right reference and leaves the wrong one
    alone scores high. Images without a value for L1, the constant or any of U are left out. None when
    ``unrelated`` is empty.
    """
    if not unrelated:
        return None
    own = _gains(best, constant, higher_is_better)
    others = [_gains(trials, constant, higher_is_better) for trials in unrelated.values()]
    ids = sorted(set(own).intersection(*others))
    differences = [own[i] - sum(other[i] for other in others) / len(others) for i in ids]
    # the constant cancels out: what is left is one value minus a mean of others
    return compare_differences(differences, ids, difference_bounds(bounds))


def _gains(reference: Trials, constant: Trials, higher_is_better: bool) -> dict[str, float]:
    left, right = per_image(reference), per_image(constant)
    sign = 1.0 if higher_is_better else -1.0
    return {i: sign * (left[i] - right[i]) for i in sorted(left.keys() & right.keys())}
