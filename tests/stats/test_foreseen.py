"""Comparisons that are computed together are those that are computed one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from refbench.stats import bootstrap, interval
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


def far_out(seed: int, images: int) -> dict[tuple[str, int], float]:
    """One image of many is far from the rest: such means are drawn, not expanded."""
    return {**trials(seed, images, 1), ("000", 0): 50.0 * (seed + 1)}


@pytest.mark.parametrize("images", [999, 1_000, 1_500])
def test_together_and_alone_with_many_images(images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    base = trials(0, images, 1)
    # the second needs no resamples, the third has no spread
    others = [far_out(1, images), trials(2, images, 1), dict(base), far_out(3, images)]
    monkeypatch.setattr(interval, "_KNOWN", {})
    alone = [facts(compare(other, base)) for other in others]
    monkeypatch.setattr(interval, "_KNOWN", {})
    foresee_comparisons((other, base) for other in others)
    known = dict(interval._KNOWN)
    together = [facts(compare(other, base)) for other in others]
    assert known == interval._KNOWN, "every answer was foreseen"
    for first, second in zip(alone, together, strict=True):
        assert second == pytest.approx(first, rel=1e-9, abs=1e-12)


def test_all_samples_of_one_size_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of 10 methods draws 10^7 random numbers, not 10^8."""
    monkeypatch.setattr(interval, "_KNOWN", {})
    base, others = trials(0, 1_000, 1), [far_out(k, 1_000) for k in range(10)]
    readings: list[int] = []
    counts = bootstrap._counts

    def counted(n: int) -> Iterator[bootstrap.Floats]:
        readings.append(n)
        yield from counts(n)

    monkeypatch.setattr(bootstrap, "_counts", counted)
    foresee_comparisons((other, base) for other in others)
    for other in others:
        compare(other, base)
    assert readings == [1_000]
