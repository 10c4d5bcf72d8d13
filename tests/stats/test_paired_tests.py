"""Paired tests against brute force and scipy; Holm against closed testing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.stats import compare, compare_differences, compare_images, holm
from refbench.stats.paired import smallest_p

NUMBERS = st.floats(-5, 5).map(lambda x: round(x, 2))


def ids(n: int) -> list[str]:
    return [f"{i:03d}" for i in range(n)]


def test_smallest_p_is_that_of_the_signs_and_of_the_resamples() -> None:
    assert [smallest_p(n) for n in (0, 1, 4, 6)] == [1.0, 1.0, 0.125, 0.03125]
    assert smallest_p(30) == smallest_p(100_000) == pytest.approx(2e-4)
    strong = compare_differences(np.full(40, 1.0), ids(40))
    assert strong.p == strong.smallest_p == pytest.approx(2e-4)
    # with four images Student's t would say 0.03; nothing that trusts in no shape can
    few = compare_differences([1.0, 2.0, 3.0, 4.0], ids(4))
    assert scipy.stats.ttest_1samp([1.0, 2.0, 3.0, 4.0], 0.0).pvalue < 0.05
    assert (few.p, few.significant) == (0.125, False)


@pytest.mark.parametrize("n", [1, 2, 8, 29, 30, 126])
def test_a_method_against_itself_is_never_significant(n: int) -> None:
    values = np.random.default_rng(n).normal(27, 3, n)
    trials = {(i, draw): float(v) + draw for i, v in zip(ids(n), values, strict=True) for draw in range(2)}
    result = compare(trials, dict(trials))
    assert result.p == 1.0
    assert result.difference.mean == 0.0
    assert not result.difference.excludes_zero


@settings(max_examples=200, deadline=None)
@given(st.integers(6, 60), st.floats(-1, 1), st.integers(0, 10**6), st.sampled_from(["normal", "lognormal"]))
def test_p_is_at_most_five_percent_exactly_where_the_interval_excludes_zero(
    n: int, shift: float, seed: int, shape: str
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(n) if shape == "normal" else rng.lognormal(size=n) - np.exp(0.5)
    result = compare_differences(values + shift, ids(n))
    assert result.significant == result.difference.excludes_zero


def test_p_on_normal_data_is_about_students() -> None:
    values = np.random.default_rng(11).normal(0.35, 1.0, 60)
    found = compare_differences(values, ids(60)).p
    assert found == pytest.approx(scipy.stats.ttest_1samp(values, 0.0).pvalue, abs=0.01)


def test_what_a_mean_hides() -> None:
    values = np.array([6.0, 5.0, 4.0, *np.full(9, 0.01), -0.2])
    found = compare_differences(values, ids(13))
    assert found.median == 0.01
    assert (found.above, found.below, found.carriers) == (12, 1, 3)
    assert found.better(higher_is_better=True).share == 12 / 13
    assert found.better(higher_is_better=False).count == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_few_images_carry_a_difference_exactly_where_so_many_sum_up_to_it(differences: list[float]) -> None:
    found = compare_differences(differences, ids(len(differences))).carriers
    sizes = sorted((abs(d) for d in differences), reverse=True)
    wanted = next((k for k in range(1, len(sizes) + 1) if sum(sizes[:k]) >= 0.8 * sum(sizes) * (1 - 1e-9)), 0)
    assert found == (wanted if 0 < wanted <= len(sizes) / 4 and sum(sizes) > 0 else 0)


def test_a_steady_difference_and_noise_are_not_carried_by_a_few() -> None:
    rng = np.random.default_rng(0)
    for values in (np.full(20, 0.3), rng.normal(0.3, 0.1, 126), rng.normal(0.0, 1.0, 126)):
        assert compare_differences(values, ids(len(values))).carriers == 0


@pytest.mark.parametrize("n", [13, 126])
def test_the_detectable_difference_is_found_in_80_percent(n: int) -> None:
    rng = np.random.default_rng(n)
    spread = 0.2
    known = compare_differences(spread * scipy.stats.norm.ppf((np.arange(n) + 0.5) / n), ids(n)).detectable
    assert known is not None
    hits = [scipy.stats.ttest_1samp(rng.normal(known, spread, n), 0.0).pvalue <= 0.05 for _ in range(1500)]
    # the spread of an evenly laid sample is a few percent below the truth
    assert np.mean(hits) == pytest.approx(0.8, abs=0.08)
    assert compare_differences([1.0], ["a"]).detectable is None


def test_the_interval_of_a_difference_stays_in_the_range_of_differences() -> None:
    a, b = {("x", 0): 1.0, ("y", 0): 1.0, ("z", 0): 0.1}, {(i, 0): 0.0 for i in "xyz"}
    difference = compare(a, b, (0.0, 1.0)).difference
    assert (difference.hi, compare(a, b, (0.0, None)).difference.hi) == (1.0, compare(a, b).difference.hi)


def test_pairing_is_on_sample_and_draw() -> None:
    a = {("x", 0): 30.0, ("x", 1): 20.0, ("y", 0): 26.0}
    b = {("x", 0): 29.0, ("x", 1): 19.0, ("z", 0): 99.0}
    result = compare(a, b)
    assert result.difference.mean == 1.0
    assert (result.difference.clusters, result.difference.values) == (1, 2)


def test_levels_are_compared_with_their_control_image_by_image() -> None:
    level = {("x", d): 25.0 + d for d in range(5)} | {("y", d): 20.0 for d in range(5)}
    control = {("x", 0): 28.0, ("y", 0): 21.0}
    result = compare_images(level, control)
    assert result.difference.mean == pytest.approx(-1.0)
    assert result.difference.clusters == 2


def test_disjoint_trials_compare_to_nothing() -> None:
    result = compare({("x", 0): 1.0}, {("y", 0): 1.0})
    assert (result.p, result.difference.mean, result.median, result.carriers) == (1.0, None, None, 0)


def test_holm_on_a_worked_example() -> None:
    # Holm's step-down by hand: 4 x .01, 3 x .02 (.06), 2 x .03 = .06, 1 x .04 -> .06 by monotonicity
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))
    assert holm([]) == ()
    assert holm([0.7, 0.9]) == (1.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_closed_testing_with_bonferroni(p_values: list[float]) -> None:
    m = len(p_values)
    subsets = [s for k in range(1, m + 1) for s in itertools.combinations(range(m), k)]
    expected = [
        max(min(1.0, len(s) * min(p_values[i] for i in s)) for s in subsets if j in s) for j in range(m)
    ]
    assert holm(p_values) == pytest.approx(tuple(expected))
