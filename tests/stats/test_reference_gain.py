"""Reference gain, harm rate and selectivity against numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from refbench.stats.proportion import exact
from refbench.stats.reference_gain import reference_gain, selectivity

Trials = dict[tuple[str, int], float]


def as_trials(values: np.ndarray) -> Trials:
    rows = values if values.ndim == 2 else values[:, None]
    return {(f"{i:03d}", d): float(v) for i, row in enumerate(rows) for d, v in enumerate(row)}


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_of_a_share_is_scipys_exact_one(case: tuple[int, int]) -> None:
    count, n = case
    found = exact(count, n)
    wanted = binomtest(count, n).proportion_ci(0.95, method="exact")
    assert found.share == count / n
    assert found.lo == pytest.approx(wanted.low, abs=1e-12)
    assert found.hi == pytest.approx(wanted.high, abs=1e-12)
    assert found.lo is not None
    assert found.hi is not None
    assert 0.0 <= found.lo <= count / n <= found.hi <= 1.0


def test_a_share_without_images_and_with_nonsense() -> None:
    assert exact(0, 0).share is None
    with pytest.raises(ValueError, match="3 of 2 is not a share"):
        exact(3, 2)


@pytest.mark.parametrize("better", [True, False])
def test_gain_and_harm_against_numpy(better: bool) -> None:
    rng = np.random.default_rng(2)
    constant = rng.normal(25, 3, 20)
    reference = constant[:, None] + rng.normal(0.3, 0.6, (20, 2))
    found = reference_gain(as_trials(reference), as_trials(constant), higher_is_better=better)
    gains = (reference.mean(axis=1) - constant) * (1 if better else -1)
    assert found.gain.difference.mean == pytest.approx(gains.mean(), abs=1e-12)
    assert found.harm.count == int((gains < 0).sum())
    assert 0 < found.harm.count < 20
    assert found.harm.n == 20


def test_equal_values_are_no_harm() -> None:
    values = as_trials(np.array([25.0, 30.0]))
    found = reference_gain(values, values, higher_is_better=True)
    assert (found.gain.difference.mean, found.harm.count, found.harm.share) == (0.0, 0, 0.0)


def test_images_of_one_side_only_are_left_out() -> None:
    found = reference_gain({("a", 0): 26.0, ("b", 0): 1.0}, {("a", 0): 25.0}, higher_is_better=True)
    assert (found.gain.difference.mean, found.harm.n) == (1.0, 1)


@pytest.mark.parametrize("better", [True, False])
def test_selectivity_against_numpy(better: bool) -> None:
    rng = np.random.default_rng(4)
    constant, best = rng.normal(25, 3, 16), rng.normal(27, 3, 16)
    other, foreign = rng.normal(25, 3, (16, 2)), rng.normal(24, 3, (16, 2))
    found = selectivity(
        as_trials(best),
        {"other": as_trials(other), "foreign": as_trials(foreign)},
        as_trials(constant),
        higher_is_better=better,
    )
    sign = 1 if better else -1
    gain = sign * (best - constant)
    unrelated = sign * np.stack([other.mean(axis=1) - constant, foreign.mean(axis=1) - constant])
    assert found is not None
    assert found.difference.mean == pytest.approx((gain - unrelated.mean(axis=0)).mean(), abs=1e-12)


def test_a_method_without_use_of_references_has_no_selectivity() -> None:
    values = as_trials(np.random.default_rng(0).normal(25, 3, 10))
    found = selectivity(values, {"other": values}, values, higher_is_better=True)
    assert found is not None
    assert (found.difference.mean, found.p) == (0.0, 1.0)
    assert selectivity(values, {}, values, higher_is_better=True) is None
