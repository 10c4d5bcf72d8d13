"""The robustness score against numpy, by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.stats.robustness import degradation, robustness_score

LEVELS = ("x0.5", "x1", "x2")


def made(n: int, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(control (n,), levels (L, n, draws))."""
    rng = np.random.default_rng(seed)
    control = rng.normal(27, 3, n)
    return control, control[None, :, None] - rng.gamma(2.0, 0.2, (len(LEVELS), n, draws))


def as_trials(values: np.ndarray) -> dict[tuple[str, int], float]:
    return {(f"{i:03d}", d): float(v) for i, row in enumerate(values) for d, v in enumerate(row)}


@pytest.mark.parametrize(("n", "draws"), [(8, 1), (8, 3), (40, 2)])
@pytest.mark.parametrize("better", [True, False])
def test_score_is_the_mean_over_levels_of_the_paired_drop(n: int, draws: int, better: bool) -> None:
    control, levels = made(n, draws, 3)
    trials = {name: as_trials(values) for name, values in zip(LEVELS, levels, strict=True)}
    found = robustness_score(as_trials(control[:, None]), trials, higher_is_better=better)
    areas = (control[None] - levels.mean(axis=2)).mean(axis=0) * (1 if better else -1)
    assert found.difference.mean == pytest.approx(areas.mean(), abs=1e-12)
    assert found.difference.clusters == n
    assert found.difference.lo is not None
    assert found.difference.hi is not None
    standard_error = areas.std(ddof=1) / np.sqrt(n)
    assert 3.9 * standard_error < found.difference.hi - found.difference.lo < 6 * standard_error


def test_curve_has_the_levels_in_their_order_and_drops_paired_by_image() -> None:
    control, levels = made(12, 2, 5)
    trials = {name: as_trials(values) for name, values in zip(LEVELS, levels, strict=True)}
    curve = degradation(as_trials(control[:, None]), trials, higher_is_better=True)
    assert [level.name for level in curve.levels] == list(LEVELS)
    assert curve.control.mean == pytest.approx(control.mean())
    for level, values in zip(curve.levels, levels, strict=True):
        drops = control - values.mean(axis=1)
        assert level.value.mean == pytest.approx(values.mean())
        assert level.drop.difference.mean == pytest.approx(drops.mean(), abs=1e-12)
    mean_drop = np.mean([level.drop.difference.mean for level in curve.levels])
    assert curve.score.difference.mean == pytest.approx(mean_drop, abs=1e-12)


def test_drop_is_positive_where_a_metric_that_should_be_low_rises() -> None:
    control, worse = {("a", 0): 0.1, ("b", 0): 0.2}, {("a", 0): 0.3, ("b", 0): 0.3}
    curve = degradation(control, {"x1": worse}, higher_is_better=False)
    assert curve.levels[0].drop.difference.mean == pytest.approx(0.15)
    assert curve.score.difference.mean == pytest.approx(0.15)


def test_an_image_that_lacks_a_level_is_left_out_of_the_score() -> None:
    control = {("a", 0): 30.0, ("b", 0): 20.0}
    levels = {"x1": {("a", 0): 29.0, ("b", 0): 10.0}, "x2": {("a", 0): 27.0}}
    score = robustness_score(control, levels, higher_is_better=True)
    assert score.difference.mean == pytest.approx(2.0)
    assert score.difference.clusters == 1


def test_no_levels_and_no_common_image_have_no_score() -> None:
    assert robustness_score({("a", 0): 1.0}, {}, higher_is_better=True).difference.mean is None
    none = robustness_score({("a", 0): 1.0}, {"x1": {("b", 0): 1.0}}, higher_is_better=True)
    assert none.difference.mean is None


@given(st.integers(2, 12), st.floats(-5, 5), st.integers(0, 1000))
def test_a_method_that_ignores_its_reference_scores_exactly_zero(n: int, shift: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(25 + shift, 3, (n, 1))
    trials = as_trials(values)
    score = robustness_score(trials, dict.fromkeys(LEVELS, trials), higher_is_better=True)
    assert score.difference.mean == 0.0
    assert score.p == 1.0
