"""Strengths against a direct maximisation of the likelihood, and intervals by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from refbench.stats import bradley_terry as module
from refbench.stats.bradley_terry import Choice, bradley_terry, fit, preference


def simulated(seed: int, scores: dict[str, float], images: int, raters: int = 1) -> list[Choice]:
    rng = np.random.default_rng(seed)
    names = sorted(scores)
    found = []
    for image in range(images):
        for first in names:
            for second in names:
                if first < second:
                    for _ in range(raters):
                        p = preference(scores, first, second)
                        won = first if rng.uniform() < p else second
                        found.append(Choice(f"{image:03d}", first, second, won))
    return found


def test_fit_is_the_maximum_of_the_likelihood() -> None:
    rng = np.random.default_rng(3)
    wins = rng.integers(0, 20, (4, 4)).astype(float)
    np.fill_diagonal(wins, 0)

    def loss(free: np.ndarray) -> float:
        s = np.append(free, -free.sum())
        # half a virtual win on either side of each pair
        return float(
            sum(
                (wins[i, j] + 0.5) * np.log1p(np.exp(s[j] - s[i]))
                for i in range(4) for j in range(4) if i != j
            )
        )  # fmt: skip

    found = minimize(loss, np.zeros(3), tol=1e-12).x
    assert fit(wins) == pytest.approx(np.append(found, -found.sum()), abs=1e-5)


def test_two_methods_have_the_closed_form() -> None:
    choices = [Choice(str(k), "a", "b", "a" if k < 15 else "b") for k in range(20)]
    first, second = bradley_terry(choices)
    assert (first.name, first.won, first.compared) == ("a", 15.0, 20)
    assert first.score - second.score == pytest.approx(np.log(15.5 / 5.5))
    assert preference({"a": first.score, "b": second.score}, "a", "b") == pytest.approx(15.5 / 21)


def test_order_of_answers_and_names_of_sides_do_not_matter() -> None:
    choices = simulated(1, {"a": 1.0, "b": 0.0, "c": -1.0}, 12)
    turned = [Choice(c.image, c.second, c.first, c.preferred) for c in reversed(choices)]
    assert bradley_terry(choices) == bradley_terry(turned)


def test_ties_count_half_and_one_image_has_no_interval() -> None:
    found = bradley_terry([Choice("x", "a", "b", None), Choice("x", "a", "b", None)])
    assert [(s.score, s.lo, s.won) for s in found] == [(0.0, None, 1.0), (0.0, None, 1.0)]


def test_always_preferred_is_large_and_finite() -> None:
    found = bradley_terry([Choice(str(k), "a", "b", "a") for k in range(30)])
    assert np.isfinite([found[0].score, found[0].lo, found[0].hi]).all()
    assert found[0].score > 1.5


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        ([], "no choices"),
        ([Choice("x", "a", "b", "a"), Choice("x", "c", "d", "c")], "nothing compares c with a"),
        ([Choice("x", "a", "b", "c")], "'c' was not among"),
        ([Choice("x", "a", "a", "a")], "was not among"),
    ],
)
def test_what_has_no_answer_is_refused(choices: list[Choice], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        bradley_terry(choices)


def test_answers_of_many_raters_on_few_images_do_not_narrow_the_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same answer a hundred times on each of six images is the evidence of six images."""
    monkeypatch.setattr(module, "RESAMPLES", 499)
    monkeypatch.setattr(module, "VIRTUAL", 1e-9)
    once = [Choice(str(k), "a", "b", "a" if k < 4 else "b") for k in range(6)]
    one, many = bradley_terry(once), bradley_terry(once * 100)
    assert many[0].score == pytest.approx(one[0].score, abs=1e-3)
    assert many[0].hi - many[0].lo > 0.8 * (one[0].hi - one[0].lo)  # type: ignore[operator]


@pytest.mark.slow
def test_intervals_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 299)
    truth = {"a": 0.6, "b": 0.0, "c": -0.6}
    inside = []
    for seed in range(120):
        for found in bradley_terry(simulated(seed, truth, 40)):
            assert found.lo is not None
            assert found.hi is not None
            inside.append(found.lo <= truth[found.name] <= found.hi)
    # 360 intervals, of which three share a simulation
    assert np.mean(inside) > 0.90
