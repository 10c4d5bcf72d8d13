"""Medians, quartiles and power laws on known numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.profiling.growth import fit_growth
from refbench.profiling.spread import spread


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20))
def test_quartiles_are_numpys(values: list[float]) -> None:
    found = spread(values)
    expected = [np.quantile(values, q) for q in (0.25, 0.5, 0.75)]
    assert [found.q1, found.median, found.q3] == pytest.approx(expected, rel=1e-9)
    assert (found.min, found.max, found.n) == (min(values), max(values), len(values))


def test_no_measurements() -> None:
    with pytest.raises(ValueError, match="no measurements"):
        spread([])


@given(
    st.floats(-3, 3),
    st.floats(1e-9, 1e3),
    st.lists(st.floats(10, 1e7), min_size=2, max_size=6, unique_by=lambda x: round(x)),
)
def test_a_power_law_is_found(exponent: float, factor: float, sizes: list[float]) -> None:
    fit = fit_growth(sizes, [factor * s**exponent for s in sizes])
    assert fit is not None
    assert fit.exponent == pytest.approx(exponent, abs=1e-6)
    assert fit.at(1000.0) == pytest.approx(factor * 1000.0**exponent, rel=1e-4)


def test_noise_shows_in_r2_and_agrees_with_numpy() -> None:
    rng = np.random.default_rng(0)
    sizes = np.geomspace(100, 100_000, 12)
    costs = 3e-6 * sizes**1.5 * np.exp(rng.normal(0, 0.2, 12))
    fit = fit_growth(list(sizes), list(costs))
    assert fit is not None
    slope, intercept = np.polyfit(np.log(sizes), np.log(costs), 1)
    assert fit.exponent == pytest.approx(slope)
    assert np.log(fit.factor) == pytest.approx(intercept)
    assert fit.r2 == pytest.approx(np.corrcoef(np.log(sizes), np.log(costs))[0, 1] ** 2)
    assert 0.9 < fit.r2 < 1


@pytest.mark.parametrize(
    ("sizes", "costs"), [([], []), ([4], [1.0]), ([4, 4], [1.0, 2.0]), ([4, 16], [1.0, 0.0])]
)
def test_too_little_to_fit(sizes: list[float], costs: list[float]) -> None:
    assert fit_growth(sizes, costs) is None
