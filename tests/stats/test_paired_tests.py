"""Paired tests against brute force and scipy; Holm against closed testing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.stats import compare, compare_differences, compare_images, holm
from refbench.stats.coverage import false_alarms, normal, skewed
from refbench.stats.paired import sign_flip_p, smallest_p

NUMBERS = st.floats(-5, 5).map(lambda x: round(x, 2))


def ids(n: int) -> list[str]:
    return [f"{i:03d}" for i in range(n)]


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=10))
def test_sign_flip_equals_enumeration(differences: list[float]) -> None:
    means = np.array(differences)
    observed = abs(means.sum()) - 1e-9
    patterns = itertools.product((1, -1), repeat=len(means))
    expected = np.mean([abs(np.dot(signs, means)) >= observed for signs in patterns])
    assert sign_flip_p(means) == pytest.approx(expected)


def test_sign_flip_equals_scipys_permutation_test() -> None:
    means = np.random.default_rng(3).normal(0.3, 1, size=13)
    reference = scipy.stats.permutation_test(
        (means,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert sign_flip_p(means) == pytest.approx(reference.pvalue)


def test_sign_flip_stays_exact_at_29_images() -> None:
    # all 29 differences of one sign: only the observed pattern and its mirror are as extreme
    assert sign_flip_p(np.linspace(0.1, 1, 29)) == pytest.approx(2 / 2**29)


def test_smallest_attainable_p() -> None:
    assert [smallest_p(n) for n in (0, 1, 4, 6)] == [1.0, 1.0, 0.125, 0.03125]
    assert smallest_p(30) == pytest.approx(2e-4)
    strong = compare_differences(np.full(40, 1.0), ids(40))
    assert strong.p == strong.smallest_p == pytest.approx(2e-4)
    assert compare_differences([1.0, 2.0, 3.0, 4.0], ids(4)).p == 0.125


@pytest.mark.parametrize("n", [1, 2, 8, 29, 30, 126])
def test_a_method_against_itself_is_never_significant(n: int) -> None:
    values = np.random.default_rng(n).normal(27, 3, n)
    trials = {(i, draw): float(v) + draw for i, v in zip(ids(n), values, strict=True) for draw in range(2)}
    result = compare(trials, dict(trials))
    assert result.p == 1.0
    assert result.difference.mean == 0.0
    assert not result.difference.excludes_zero


@pytest.mark.parametrize("n", [8, 12])
def test_false_alarms_of_the_sign_flip_test(n: int) -> None:
    assert false_alarms(normal, n, 400, seed=4) <= 0.08
    # a skewed null is not symmetric about zero, which is what the test assumes
    assert false_alarms(skewed, n, 400, seed=4) <= 0.12


@pytest.mark.parametrize("n", [80, 126])
def test_false_alarms_of_the_bootstrap(n: int) -> None:
    assert false_alarms(skewed, n, 100, seed=4) <= 0.12


@pytest.mark.parametrize("shift", [0.0, 0.15, 0.2, 0.25, 0.3, 0.5])
def test_bootstrap_p_agrees_with_its_interval(shift: float) -> None:
    values = np.random.default_rng(11).normal(shift, 1.0, 60)
    result = compare_differences(values, ids(60))
    assert (result.p <= 0.05) == result.difference.excludes_zero


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
    assert (result.test, result.p, result.difference.mean) == ("none", 1.0, None)


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
