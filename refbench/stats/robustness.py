"""How much a method loses when its reference is distorted: one curve per family of transforms, one score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refbench.stats.cluster import cluster_means
from refbench.stats.interval import UNBOUNDED, Bounds, Interval, mean_interval
from refbench.stats.paired import (
    Comparison,
    Trials,
    compare_differences,
    compare_images,
    difference_bounds,
)


@dataclass(frozen=True)
class LevelResult:
    """One level of a family."""

    name: str
    value: Interval
    """Mean of the metric at this level, clustered by HR image."""
    drop: Comparison
    """Quality lost against the control, paired by HR image; positive is worse for every metric."""


@dataclass(frozen=True)
class Degradation:
    """One method, one metric, one family of transforms."""

    control: Interval
    """The metric with the undistorted reference."""
    levels: tuple[LevelResult, ...]
    """In the order given, mild to strong."""
    score: Comparison
    """The robustness score, see :func:`robustness_score`."""


def per_image(trials: Trials) -> dict[str, float]:
    """HR image -> mean over its draws."""
    ids, means = cluster_means(list(trials.values()), [sample for sample, _ in trials])
    return dict(zip(ids, means.tolist(), strict=True))


def robustness_score(
    control: Trials,
    levels: Mapping[str, Trials],
    *,
    higher_is_better: bool,
    bounds: Bounds = UNBOUNDED,
) -> Comparison:
    """The area under the degradation curve as one number: the mean over levels of the paired drop.

    With x_i the control's value of HR image i and y_il the mean over draws of its value at level l of L,

        a_i = (1 / L) sum_l s (x_i - y_il),   s = 1 where higher is better, else -1,

    and the score is the mean of a_i over images: the area under the step curve of drops whose L levels
    have width 1 / L each. It has the metric's unit; 0 is untouched, positive is quality lost. Its interval
    is that of the a_i, clustered by HR image. Images that lack the control or any level are left out, so
    every level weighs the same images. bounds: the metric's range.
    """
    clean = per_image(control)
    curves = [per_image(trials) for trials in levels.values()]
    ids = sorted(set(clean).intersection(*curves)) if curves else []
    sign = 1.0 if higher_is_better else -1.0
    areas = [sign * sum(clean[i] - curve[i] for curve in curves) / len(curves) for i in ids]
    return compare_differences(areas, ids, difference_bounds(bounds))


def degradation(
    control: Trials,
    levels: Mapping[str, Trials],
    *,
    higher_is_better: bool,
    bounds: Bounds = UNBOUNDED,
) -> Degradation:
    """The curve of one family, all of one method and metric; ``levels``: name -> trials, mild to strong."""

    def drop(trials: Trials) -> Comparison:
        first, second = (control, trials) if higher_is_better else (trials, control)
        return compare_images(first, second, bounds)

    return Degradation(
        control=_interval(control, bounds),
        levels=tuple(LevelResult(name, _interval(t, bounds), drop(t)) for name, t in levels.items()),
        score=robustness_score(control, levels, higher_is_better=higher_is_better, bounds=bounds),
    )


def _interval(trials: Trials, bounds: Bounds) -> Interval:
    return mean_interval(list(trials.values()), [sample for sample, _ in trials], bounds)
