"""One metric of one cell, then against now: the change of every image, and of their mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refbench.gate.tolerance import Limits
from refbench.gate.verdict import ImageChange, MetricVerdict, Verdict
from refbench.specs import MetricSpec
from refbench.stats.interval import Interval
from refbench.stats.paired import compare_differences

Scores = Mapping[tuple[str, int], float]
"""(sample id, draw) -> value. ``inf`` and ``nan`` are values here: what was computed is compared."""

_SLACK = 1e-9
"""Changes are differences of rounded decimals: 0.02 must not exceed 0.02 by 1e-17."""


@dataclass(frozen=True)
class Rule:
    """What decides about one metric."""

    tolerance: float
    image_limit: float | None
    """None: a random method, where the interval of the mean decides alone."""
    strict: bool
    worst: int


def rule_of(limits: Limits, alias: str, signature: str, *, random: bool) -> Rule:
    """The rule for one metric of one cell."""
    image = None if random else limits.of_image(alias, signature)
    return Rule(limits.of(alias, signature), image, limits.mode == "strict", limits.worst)


def image_changes(then: Scores, now: Scores, spec: MetricSpec) -> list[ImageChange]:
    """Every image that both have (all its draws that both have), in the order of ids."""
    by_image: dict[str, list[tuple[str, int]]] = {}
    for key in sorted(then.keys() & now.keys()):
        by_image.setdefault(key[0], []).append(key)
    return [
        ImageChange(
            sample,
            _mean([then[k] for k in keys]),
            _mean([now[k] for k in keys]),
            _mean([_change(then[k], now[k], spec.higher_is_better) for k in keys]),
        )
        for sample, keys in by_image.items()
    ]


def _change(then: float, now: float, higher_is_better: bool) -> float:
    """Positive is better; no number (nan) is worse than any."""
    if then == now or (math.isnan(then) and math.isnan(now)):
        return 0.0
    if math.isnan(now) or math.isnan(then):
        return -math.inf if math.isnan(now) else math.inf
    return now - then if higher_is_better else then - now


def _mean(values: Sequence[float]) -> float:
    if -math.inf in values and math.inf in values:
        # one draw fell from a perfect image: others that rose do not make up for it
        return -math.inf
    return (
        sum(values) / len(values) if not all(map(math.isfinite, values)) else math.fsum(values) / len(values)
    )


def compared(alias: str, then: Scores, now: Scores, rule: Rule, spec: MetricSpec) -> MetricVerdict:
    """The verdict on the trials that both have; at least one.

    Regressed: an image lost more than the rule's limit, or the mean lost more than the tolerance and (unless
    strict) its 95 % interval excludes zero. Improved: likewise, and no image lost more than the limit. A
    fall from or to an infinite value is beyond every limit, even for a random method.
    """
    images = image_changes(then, now, spec)
    finite = [i for i in images if all(map(math.isfinite, (i.baseline, i.current, i.change)))]
    interval = compare_differences([i.change for i in finite], [i.sample_id for i in finite]).difference
    limit = math.inf if rule.image_limit is None else rule.image_limit
    # equal changes of rounded values differ in their last bit
    by_loss = sorted(images, key=lambda i: (round(i.change, 9), i.sample_id))
    worse = tuple(i for i in by_loss if i.change < -limit - _SLACK or i.change == -math.inf)
    better = tuple(i for i in reversed(by_loss) if i.change > limit + _SLACK or i.change == math.inf)
    certain = rule.strict or interval.lo is None or interval.excludes_zero
    mean = interval.mean or 0.0
    beyond = abs(mean) > rule.tolerance + _SLACK
    verdict: Verdict = "unchanged"
    if worse or (beyond and certain and mean < 0.0):
        verdict = "regressed"
    elif (beyond and certain) or (better and mean >= 0.0):
        verdict = "improved"
    return MetricVerdict(
        name=alias,
        verdict=verdict,
        baseline=_mean([i.baseline for i in finite or images]),
        current=_mean([i.current for i in finite or images]),
        change=_mean([i.change for i in finite or images]),
        lo=interval.lo,
        hi=interval.hi,
        tolerance=rule.tolerance,
        images=len(images),
        image_limit=rule.image_limit,
        worse=worse,
        better=better,
        worst=tuple(i for i in by_loss if i.change < 0.0)[: rule.worst],
        largest=max((abs(i.change) for i in images), default=0.0),
        reason=_remark(interval, rule, certain, mean, len(images) - len(finite)),
    )


def _remark(interval: Interval, rule: Rule, certain: bool, mean: float, infinite: int) -> str:
    found = []
    if interval.clusters == 1:
        found.append("one image: no interval, the tolerance alone decides")
    if not certain and mean < -rule.tolerance - _SLACK:
        found.append("the mean is beyond the tolerance, but its interval holds zero: mode=strict would fail")
    if infinite:
        images = "image with an infinite value is" if infinite == 1 else "images with an infinite value are"
        found.append(f"{infinite} {images} not in the means")
    return "; ".join(found)
