"""Comparisons that are computed together are those that are computed one by one."""

from __future__ import annotations

import numpy as np
import pytest

from refbench.stats import interval
from refbench.stats.paired import Comparison, compare, compare_images, foresee_comparisons, foresee_images

BOUNDS = (0.0, 1.0)


def trials(seed: int, images: int = 30, draws: int = 2) -> dict[tuple[str, int], float]:
    values = np.random.default_rng(seed).uniform(0, 1, (images, draws))
    return {(f"{i:03d}", d): float(values[i, d]) for i in range(images) for d in range(draws)}


def facts(comparison: Comparison) -> list[float | None]:
    difference = comparison.difference
    return [difference.mean, difference.lo, difference.hi, comparison.p]


@pytest.mark.parametrize("count", [1, 3, 150])
def test_together_and_alone(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    base = trials(0)
    others = [trials(k + 1) for k in range(count)]
    # equal values have no spread, and one image has no interval
    others += [dict(base), {("000", 0): 0.5}]
    monkeypatch.setattr(interval, "_KNOWN", {})
    alone = [facts(f(other, base, BOUNDS)) for other in others for f in (compare, compare_images)]

    monkeypatch.setattr(interval, "_KNOWN", {})
    pairs = [(other, base) for other in others]
    foresee_comparisons(pairs, BOUNDS)
    foresee_images(pairs, BOUNDS)
    known = dict(interval._KNOWN)
    together = [facts(f(other, base, BOUNDS)) for other in others for f in (compare, compare_images)]
    assert known == interval._KNOWN, "every answer was foreseen"
    for first, second in zip(alone, together, strict=True):
        assert second == pytest.approx(first, abs=1e-12)


def test_answers_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interval, "_KNOWN", {})
    monkeypatch.setattr(interval, "_MOST", 5)
    base = trials(0, 4, 1)
    for seed in range(20):
        compare(trials(seed + 1, 4, 1), base)
        assert len(interval._KNOWN) <= 5
    many = trials(1, interval.LARGEST_KEPT, 1)
    interval._KNOWN.clear()
    compare(many, dict.fromkeys(many, 0.5))
    assert not interval._KNOWN
