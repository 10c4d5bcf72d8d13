"""Intervals against scipy, by hand, and by simulation."""

from __future__ import annotations

import interval_coverage as simulation
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.metrics import METRICS, MetricCatalog
from refbench.stats import mean_interval, summarise
from refbench.stats.beta import t_80, t_975, t_two_sided
from refbench.stats.bootstrap import limits, resample
from refbench.stats.cluster import cluster_means


def one_draw(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    return values, [f"{i:04d}" for i in range(len(values))]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.floats(-30, 30))
def test_student_is_scipys(freedom: int, t: float) -> None:
    assert t_975(freedom) == pytest.approx(scipy.stats.t.ppf(0.975, freedom), rel=1e-11)
    assert t_80(freedom) == pytest.approx(scipy.stats.t.ppf(0.8, freedom), rel=1e-11)
    assert t_two_sided(t, freedom) == pytest.approx(2 * scipy.stats.t.sf(abs(t), freedom), rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 5, 13, 30, 126])
def test_it_holds_students_interval(n: int) -> None:
    values = np.random.default_rng(n).normal(25.0, 2.0, size=n)
    interval = mean_interval(*one_draw(values))
    lo, hi = scipy.stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    assert interval.mean == pytest.approx(values.mean())
    assert interval.lo is not None
    assert interval.hi is not None
    assert interval.lo <= lo + 1e-9
    assert interval.hi >= hi - 1e-9
    # on normal data hardly more: nothing is paid for what skewed data need
    assert interval.hi - interval.lo <= 1.3 * (hi - lo)


@pytest.mark.parametrize("n", [13, 80])
def test_the_studentised_bootstrap_is_that_of_plain_loops(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, size=n)
    resampled = resample(values)
    rng = np.random.default_rng(99)
    pivots = []
    for _ in range(9_999):
        drawn = rng.choice(values, n)
        pivots.append((drawn.mean() - values.mean()) / np.sqrt((drawn.var() + values.var() / (2 * n)) / n))
    assert resampled.scale == pytest.approx(np.sqrt(values.var() * (1 + 1 / (2 * n)) / n))
    for p in (0.025, 0.5, 0.975):
        # the standard error of a drawn quantile is about 3 % of the pivots' own deviation
        assert np.quantile(resampled.pivots, p) == pytest.approx(np.quantile(pivots, p), abs=0.2)
    lo, hi = limits(resampled.pivots)
    assert (lo, hi) == pytest.approx(np.quantile(resampled.pivots, [0.025, 0.975], method="weibull"))


def test_skewed_data_widen_the_side_where_the_truth_may_be() -> None:
    values = np.exp(np.random.default_rng(4).standard_normal(30))
    interval = mean_interval(*one_draw(values))
    assert interval.lo is not None
    assert interval.hi is not None
    assert interval.hi - values.mean() > 1.3 * (values.mean() - interval.lo)


def test_an_image_that_alone_differs_gives_a_finite_interval() -> None:
    for n in (6, 13, 80):
        values = np.zeros(n)
        values[2] = 15.0
        interval = mean_interval(*one_draw(values))
        assert interval.lo is not None
        assert interval.hi is not None
        assert np.isfinite([interval.lo, interval.hi]).all()
        assert interval.lo <= 0.0 < values.mean() < interval.hi


@pytest.mark.parametrize(
    ("alias", "values", "least", "greatest"),
    [
        ("ssim_y", [0.35, 0.99, 0.98], -1.0, 1.0),
        ("match_pck4", [1.0, 0.97, 1.0, 1.0], 0.0, 1.0),
        ("match_epe", [0.1, 0.0, 3.9], 0.0, np.inf),
        ("psnr_y", [1.0, 2.0, 40.0], 0.0, np.inf),
        ("lpips_alex", [0.0, 0.01, 0.4], 0.0, np.inf),
    ],
)
def test_no_interval_leaves_the_range_of_its_metric(
    alias: str, values: list[float], least: float, greatest: float
) -> None:
    (spec,) = MetricCatalog(METRICS).of_names([alias])
    free = mean_interval(values, list("abcd")[: len(values)])
    assert free.lo is not None
    assert free.hi is not None
    assert free.lo < least or free.hi > greatest, "the case shows nothing"
    rows = [
        {"sample_id": name, "draw": 0, "status": "ok", "metrics": {spec.signature: value}}
        for name, value in zip("abcd", values, strict=False)
    ]
    metric = summarise(rows, [spec]).metrics[alias]
    assert metric.lo is not None
    assert metric.hi is not None
    assert least <= metric.lo <= metric.hi <= greatest
    assert (metric.lo, metric.hi) == (max(free.lo, least), min(free.hi, greatest))


def test_every_metric_of_refbench_has_a_range_that_holds_its_best_value() -> None:
    for spec in METRICS:
        if spec.alias == "kid":
            # an unbiased estimate may be below zero
            continue
        best = {"psnr": 100.0, "ssim": 1.0, "lpips": 0.0, "stlpips": 0.0, "fid": 0.0, "dists": 0.0}.get(
            spec.signature.split("|")[0], 0.0 if spec.unit else 1.0
        )
        least, greatest = spec.bounds
        assert least is not None, spec.alias
        assert least <= best <= (np.inf if greatest is None else greatest), spec.alias


def test_a_value_a_rounding_error_outside_its_range_does_not_turn_the_interval_round() -> None:
    interval = mean_interval([1.0 + 2e-16, 1.0 + 2e-16], ["a", "b"], (0.0, 1.0))
    assert interval.lo == interval.mean == interval.hi
    spread = mean_interval([1.1, 1.2], ["a", "b"], (0.0, 1.0))
    assert spread.hi == spread.mean


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
    assert (one.mean, one.lo, one.hi) == (26.0, None, None)
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


@pytest.mark.parametrize(
    ("population", "n", "least"),
    # what docs/statistics.md promises, less two standard errors of 500 repeats (1.3 points each)
    [("lognormal", 13, 0.88), ("lognormal", 30, 0.90), ("normal", 13, 0.93), ("normal", 30, 0.93),
     ("both sides", 13, 0.93), ("skewed", 8, 0.91)],
)  # fmt: skip
def test_coverage(population: str, n: int, least: float) -> None:
    found = simulation.coverage(simulation.POPULATIONS[population], n, 500, seed=1)
    assert found["refbench"] >= least
    assert found["refbench"] >= found["t"]
    assert found["percentile"] < found["refbench"]
    # the test cries wolf no more often than the interval misses
    assert found["false alarms"] <= 1 - found["refbench"] + 1e-9
    if population == "normal":
        assert found["width"] < 1.1


def test_draws_are_not_images() -> None:
    right, wrong = simulation.draws_taken_as_images(8, 200, seed=1)
    assert right > 0.9
    assert wrong < 0.75


def test_the_report_names_every_population_and_size() -> None:
    text = simulation.report((8, 30), repeats=3, seed=0)
    assert all(f"| {name} | {n} |" in text for name in simulation.POPULATIONS for n in (8, 30))
    assert "| 30 | 0.2 dB | 0.05 dB |" in text


def test_one_value_for_each_image_is_its_mean() -> None:
    rng = np.random.default_rng(4)
    ids = [f"{i:03d}" for i in rng.permutation(200)]
    values = rng.normal(size=200)
    # twice the same value of one image takes the other way
    for more in ([], [0]):
        found, means = cluster_means([*values, *values[more]], [*ids, *(ids[k] for k in more)])
        assert found == tuple(sorted(ids))
        assert means.tolist() == [values[ids.index(i)] for i in found]


@pytest.mark.parametrize("shape", [0.6, 1.5, 50.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_expansion_for_many_images_agrees_with_drawing(
    shape: float, sign: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = sign * np.random.default_rng(3).gamma(shape, size=1_000)
    expanded = resample(values)
    monkeypatch.setattr("refbench.stats.bootstrap._EXPANDED_FROM", 10**9)
    drawn = resample(values)
    assert expanded.scale == drawn.scale
    assert not np.array_equal(expanded.pivots, drawn.pivots)
    for p in (0.005, 0.025, 0.5, 0.975, 0.995):
        # the standard error of a drawn quantile is 2.7 % of the mean's own at 0.025, 4.9 % at 0.005
        assert np.quantile(expanded.pivots, p) == pytest.approx(np.quantile(drawn.pivots, p), abs=0.15)
    assert expanded.pivots.std() == pytest.approx(drawn.pivots.std(), rel=0.02)


def test_a_few_images_far_out_are_drawn_and_not_expanded() -> None:
    values = np.zeros(1_000)
    values[7] = 1.0
    pivots = resample(values).pivots
    # the far image is in a resample 0, 1, 2 ... times: no smooth expansion can say so
    assert len(np.unique(np.round(pivots, 9))) < 12
    assert np.mean(pivots == pivots.min()) == pytest.approx(np.exp(-1), abs=0.02)


def test_many_equal_images_have_an_interval_of_no_width() -> None:
    interval = mean_interval(*one_draw(np.full(2_000, 0.1)))
    assert (interval.mean, interval.lo, interval.hi) == pytest.approx((0.1, 0.1, 0.1), abs=1e-15)
    zero = mean_interval(*one_draw(np.zeros(2_000)))
    assert (zero.lo, zero.hi) == (0.0, 0.0)
