from __future__ import annotations

import numpy as np
import pytest

from refbench.stats import rank
from refbench.stats.paired import Trials


def column(n: int, **offsets: float) -> dict[str, Trials]:
    """Methods that differ by a constant plus a little noise on ``n`` images."""
    base = np.random.default_rng(1).normal(27, 3, n)
    noise = np.random.default_rng(2).normal(0, 0.05, (len(offsets), n))
    return {
        name: {(f"{i:03d}", 0): float(base[i] + offset + noise[k, i]) for i in range(n)}
        for k, (name, offset) in enumerate(offsets.items())
    }


@pytest.mark.parametrize("n", [12, 40])
def test_clear_winner_and_runner_up(n: int) -> None:
    ranking = rank(column(n, bicubic=0.0, datsr=1.2, ttsr=0.6), higher_is_better=True)
    assert (ranking.best, ranking.second, ranking.reason) == ("datsr", "ttsr", None)
    assert set(ranking.adjusted_p) == {"bicubic", "ttsr"}


def test_lower_is_better() -> None:
    assert rank(column(12, a=0.0, b=1.0), higher_is_better=False).best == "a"


def test_no_mark_without_significance() -> None:
    ranking = rank(column(12, a=0.0, b=0.0, c=-1.0), higher_is_better=True)
    assert (ranking.best, ranking.second) == (None, None)
    assert max(ranking.adjusted_p.values()) > 0.05


def test_second_needs_to_beat_the_rest() -> None:
    ranking = rank(column(12, top=2.0, a=0.0, b=0.0), higher_is_better=True)
    assert (ranking.best, ranking.second) == ("top", None)


def test_of_two_only_the_best_is_marked() -> None:
    assert rank(column(12, a=0.0, b=1.0), higher_is_better=True).second is None


def test_a_method_with_itself_is_never_ranked() -> None:
    same = column(40, a=0.0)["a"]
    ranking = rank({"a": same, "again": dict(same)}, higher_is_better=True)
    assert ranking.best is None


def test_too_few_images_are_named() -> None:
    ranking = rank(column(4, a=0.0, b=5.0), higher_is_better=True)
    assert ranking.best is None
    assert ranking.reason == "not ranked: with 4 images the smallest attainable p is 0.125, above 0.05"
    ranking = rank(column(6, a=0.0, b=5.0, c=9.0), higher_is_better=True)
    assert ranking.reason == (
        "not ranked: with 6 images the smallest attainable p is 0.0312 x 2 comparisons, above 0.05"
    )


def test_other_samples_are_not_ranked() -> None:
    entries = column(12, a=0.0, b=1.0)
    entries["b"] = {key: value for key, value in entries["b"].items() if key[0] != "004"}
    ranking = rank(entries, higher_is_better=True)
    assert ranking.reason == "not ranked: sample sets differ (b has no value for 1 trial: 004)"
    assert ranking.best is None


def test_columns_without_values_say_nothing() -> None:
    assert rank({}, higher_is_better=True).reason is None
    assert rank({"a": {("x", 0): 1.0}, "b": {}}, higher_is_better=True).reason is None
