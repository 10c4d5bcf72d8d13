"""Intervals against scipy, by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.stats import mean_interval
from refbench.stats.bootstrap import bootstrap_means
from refbench.stats.coverage import interval_coverage, normal, report, skewed
from refbench.stats.interval import T_975


def one_draw(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    return values, [f"{i:04d}" for i in range(len(values))]


def test_t_table_is_scipys() -> None:
    assert len(T_975) == 28
    assert scipy.stats.t.ppf(0.975, np.arange(1, 29)) == pytest.approx(T_975, abs=1e-9)


@pytest.mark.parametrize("n", [2, 8, 12, 29])
def test_below_thirty_images_it_is_the_t_interval(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, size=n)
    interval = mean_interval(*one_draw(values))
    lo, hi = scipy.stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    assert (interval.kind, interval.clusters) == ("t", n)
    assert (interval.mean, interval.lo, interval.hi) == pytest.approx((values.mean(), lo, hi), abs=1e-9)


@pytest.mark.parametrize("n", [30, 80, 126])
def test_from_thirty_images_it_is_the_percentile_bootstrap(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, size=n)
    interval = mean_interval(*one_draw(values))
    reference = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    width = reference.high - reference.low
    assert interval.kind == "bootstrap"
    assert interval.mean == pytest.approx(values.mean())
    # two independent bootstraps of this size agree to about 1 % of their width
    assert (interval.lo, interval.hi) == pytest.approx((reference.low, reference.high), abs=0.04 * width)


def test_large_columns_are_resampled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).gamma(2.0, size=120)
    kept = mean_interval(*one_draw(values))
    monkeypatch.setattr("refbench.stats.bootstrap._KEPT_BELOW", 0)
    blocks = mean_interval(*one_draw(values))
    assert (blocks.lo, blocks.hi) == pytest.approx((kept.lo, kept.hi), abs=1e-9)


def test_draws_of_one_image_are_one_observation() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(27, 3, size=9)
    noise = rng.normal(0, 0.3, size=(9, 5))
    many = mean_interval((images[:, None] + noise).ravel(), [str(i) for i in range(9) for _ in range(5)])
    means = mean_interval(images + noise.mean(axis=1), [str(i) for i in range(9)])
    assert (many.clusters, many.values) == (9, 45)
    assert (many.mean, many.lo, many.hi) == pytest.approx((means.mean, means.lo, means.hi))


def test_an_image_with_fewer_draws_still_counts_once() -> None:
    assert mean_interval([10.0, 10.0, 10.0, 20.0], ["a", "a", "a", "b"]).mean == 15.0


def test_one_image_has_no_interval_and_none_has_no_mean() -> None:
    one = mean_interval([25.0, 27.0], ["a", "a"])
    assert (one.mean, one.lo, one.hi, one.kind) == (26.0, None, None, "none")
    none = mean_interval([], [])
    assert (none.mean, none.lo, none.clusters) == (None, None, 0)
    assert not one.excludes_zero


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_undefined_values_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"value of 'b' is (inf|nan); leave undefined values out"):
        mean_interval([1.0, bad], ["a", "b"])


def test_equal_values_have_a_zero_width_interval() -> None:
    for n in (5, 40):
        interval = mean_interval([3.0] * n, [str(i) for i in range(n)])
        assert (interval.mean, interval.lo, interval.hi) == (3.0, 3.0, 3.0)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_order_of_rows_does_not_matter(data: st.DataObject) -> None:
    n = data.draw(st.sampled_from([3, 35]))
    values = np.random.default_rng(data.draw(st.integers(0, 99))).normal(27, 3, 2 * n)
    ids = [f"{i // 2}" for i in range(2 * n)]
    order = np.array(data.draw(st.permutations(range(2 * n))))
    assert mean_interval(values, ids) == mean_interval(values[order], [ids[i] for i in order])


@pytest.mark.parametrize("n", [8, 12])
def test_coverage_of_the_t_interval(n: int) -> None:
    assert 0.92 <= interval_coverage(normal, n, 300, seed=1)["refbench"] <= 0.98
    cover = interval_coverage(skewed, n, 300, seed=1)
    assert 0.88 <= cover["refbench"] <= 0.97
    # what the two alternatives would do to a user: this is why neither is used
    assert cover["percentile bootstrap"] < cover["refbench"]
    assert cover["trials taken as independent"] < 0.8


@pytest.mark.parametrize("n", [80, 126])
def test_coverage_of_the_bootstrap(n: int) -> None:
    assert 0.89 <= interval_coverage(skewed, n, 100, seed=2)["refbench"] <= 0.99


def test_the_report_names_every_size() -> None:
    text = report((8, 30), repeats=3, seed=0)
    assert "| 8 | normal |" in text
    assert "| 30 | skewed | paired bootstrap |" in text


@pytest.mark.parametrize("shape", [0.6, 1.5, 50.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_expansion_for_many_images_agrees_with_drawing(
    shape: float, sign: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = sign * np.random.default_rng(3).gamma(shape, size=1_000)
    error = values.std() / np.sqrt(len(values))
    expanded = bootstrap_means(values)
    monkeypatch.setattr("refbench.stats.bootstrap._EXPANDED_FROM", 10**9)
    drawn = bootstrap_means(values)
    assert not np.array_equal(expanded, drawn)
    for p in (0.005, 0.025, 0.5, 0.975, 0.995):
        # the standard error of a drawn quantile is 2.7 % of the mean's own at 0.025, 4.9 % at 0.005
        assert np.quantile(expanded, p) == pytest.approx(np.quantile(drawn, p), abs=0.15 * error)
    assert expanded.mean() == pytest.approx(values.mean(), abs=1e-3 * error)
    assert expanded.std() == pytest.approx(error, rel=0.01)


def test_a_few_images_far_out_are_drawn_and_not_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.zeros(1_000)
    values[7] = 1.0
    resampled = bootstrap_means(values)
    # the far image is in a resample 0, 1, 2 ... times: no smooth expansion can say so
    assert np.isin(np.round(resampled * 1_000), np.arange(12)).all()
    assert np.mean(resampled == 0.0) == pytest.approx(np.exp(-1), abs=0.02)


def test_many_equal_images_have_an_interval_of_no_width() -> None:
    interval = mean_interval(*one_draw(np.full(2_000, 0.1)))
    assert (interval.mean, interval.lo, interval.hi) == pytest.approx((0.1, 0.1, 0.1), abs=1e-15)
    zero = mean_interval(*one_draw(np.zeros(2_000)))
    assert (zero.lo, zero.hi) == (0.0, 0.0)
