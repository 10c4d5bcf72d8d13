"""Verdicts and exit codes of the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from refbench.errors import UserError
from refbench.gate import baseline_of, check, limits_from
from refbench.results.record import CellRecord

Make = Callable[..., CellRecord]


def noise(size: float, seed: int = 1) -> Callable[[int, int], float]:
    values = np.random.default_rng(seed).normal(0, size, (200, 10))
    return lambda image, draw: float(values[image, draw])


def test_unchanged_is_exactly_zero(cell: Make) -> None:
    result = check(baseline_of([cell()], {}), [cell()])
    assert (result.verdict, result.exit_code) == ("unchanged", 0)
    assert [m.change for m in result.cells[0].metrics] == [0.0, 0.0]


@pytest.mark.parametrize("n", [8, 40])
def test_noise_is_unchanged(cell: Make, n: int) -> None:
    result = check(baseline_of([cell(n=n)], {}), [cell(noise(0.01), n=n)])
    assert (result.verdict, result.exit_code) == ("unchanged", 0)


@pytest.mark.parametrize("n", [8, 40])
def test_a_small_steady_loss_is_a_regression(cell: Make, n: int) -> None:
    wobble = noise(0.02)
    worse = cell(lambda i, d: -0.1 + wobble(i, d) - (0.3 if i == 5 else 0.0), n=n)
    result = check(baseline_of([cell(n=n)], {}), [worse])
    psnr = result.cells[0].metrics[0]
    assert (result.verdict, result.exit_code, psnr.verdict) == ("regressed", 1, "regressed")
    assert psnr.worst[0][0] == "005"
    assert len(psnr.worst) == 5
    assert psnr.change == pytest.approx(-0.1 - 0.3 / n, abs=0.02)
    assert psnr.hi is not None
    assert psnr.hi < 0


@pytest.mark.parametrize("n", [12, 40])
def test_a_loss_on_one_image_is_not_certain_unless_strict(cell: Make, n: int) -> None:
    baseline = baseline_of([cell(n=n)], {})
    worse = [cell(lambda i, d: -1.0 if i == 3 else 0.0, n=n)]
    assert check(baseline, worse).exit_code == 0
    assert check(baseline, worse, limits_from({}, mode="strict")).exit_code == 1


def test_a_certain_loss_within_the_tolerance_passes(cell: Make) -> None:
    baseline = baseline_of([cell()], {})
    worse = [cell(lambda i, d: -0.015)]
    assert check(baseline, worse).exit_code == 0
    assert check(baseline, worse, limits_from({"psnr_y": 0.01})).exit_code == 1
    at_the_limit = [cell(lambda i, d: -0.02)]
    assert check(baseline, at_the_limit, limits_from({"ssim_y": 1})).exit_code == 0


def test_improved(cell: Make) -> None:
    result = check(baseline_of([cell()], {}), [cell(lambda i, d: 0.2)])
    assert (result.verdict, result.exit_code) == ("improved", 0)
    assert result.cells[0].metrics[0].worst == ()


def test_lower_is_better_metrics_turn_the_sign(cell: Make) -> None:
    metrics = ("stlpips",)
    baseline = baseline_of([cell(metrics=metrics)], {})
    assert check(baseline, [cell(lambda i, d: 0.2, metrics=metrics)]).verdict == "regressed"
    assert check(baseline, [cell(lambda i, d: -0.2, metrics=metrics)]).verdict == "improved"


def test_one_image_is_decided_by_the_tolerance(cell: Make) -> None:
    result = check(baseline_of([cell(n=1)], {}), [cell(lambda i, d: -0.2, n=1)])
    assert result.exit_code == 1
    assert "no interval" in result.cells[0].metrics[0].reason


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"protocol": "canonical@2"}, "protocol.id", "protocol.id: baseline canonical@1, run canonical@2"),
        (
            {"params": {"card": {"crop": 8}}},
            "protocol.params.card.crop",
            "protocol.params.card.crop: baseline 4, run 8",
        ),
        ({"seed": 3}, "seed", "seed: baseline 0, run 3"),
        (
            {"fingerprint": "b" * 64},
            "dataset",
            "dataset: baseline cufed5-sample aaaaaaaaaaaa, run cufed5-sample bbbbbbbbbbbb",
        ),
        ({"method": "dats"}, "method", "method: the run has no 'datsr'; did you mean 'dats'?"),
    ],
)
def test_not_comparable_names_the_first_differing_field(
    cell: Make, change: dict[str, object], field: str, reason: str
) -> None:
    result = check(baseline_of([cell()], {}), [cell(**change)])
    assert (result.verdict, result.exit_code) == ("not comparable", 3)
    assert (result.cells[0].field, result.cells[0].reason) == (field, reason)


def test_nothing_run_is_not_comparable(cell: Make) -> None:
    result = check(baseline_of([cell()], {}), [])
    assert result.exit_code == 3
    assert result.cells[0].reason == "method: the run has no 'datsr'; the run has no cells"


def test_the_nearest_cell_explains(cell: Make) -> None:
    level = "canonical@1+jitter@1[level=x1]"
    run = [cell(protocol="other@1", fingerprint="b" * 64), cell(protocol=level, seed=5)]
    result = check(baseline_of([cell(protocol=level)], {}), run)
    assert result.cells[0].field == "seed"


def test_a_baseline_cell_without_counterpart_is_not_fine(cell: Make) -> None:
    baseline = baseline_of([cell(), cell(method="ttsr")], {})
    result = check(baseline, [cell()])
    assert result.exit_code == 3
    assert [c.verdict for c in result.cells] == ["unchanged", "not comparable"]


def test_a_regression_outweighs_what_is_missing(cell: Make) -> None:
    baseline = baseline_of([cell(), cell(method="ttsr")], {})
    assert check(baseline, [cell(lambda i, d: -1.0)]).exit_code == 1


def test_further_cells_are_only_mentioned(cell: Make) -> None:
    result = check(baseline_of([cell()], {}), [cell(), cell(method="ttsr")])
    assert result.exit_code == 0
    assert result.extra == ("ttsr (compact) on cufed5-sample, canonical@1",)


def test_changed_weights_are_compared_not_missed(cell: Make) -> None:
    result = check(baseline_of([cell()], {}), [cell(lambda i, d: -1.0, weights="mine.pth")])
    assert result.exit_code == 1
    assert result.cells[0].remark == "weights: baseline 'compact', run 'mine.pth'"


def test_of_several_weights_the_same_label_counts(cell: Make) -> None:
    baseline = baseline_of([cell(weights="gan")], {})
    run = [cell(lambda i, d: -1.0, weights="mse"), cell(weights="gan")]
    assert check(baseline, run).exit_code == 0
    ambiguous = check(baseline, [cell(weights="mse"), cell(weights="other")])
    assert (ambiguous.exit_code, ambiguous.cells[0].field) == (3, "weights")


def test_another_signature_is_not_comparable(cell: Make) -> None:
    result = check(baseline_of([cell()], {}), [cell(metrics=("psnr_y",))])
    ssim = result.cells[0].metrics[1]
    assert (result.exit_code, ssim.verdict) == (3, "not comparable")
    assert ssim.reason.startswith("signature: the run has no ssim|")


def test_missing_and_failed_samples_are_named(cell: Make) -> None:
    baseline = baseline_of([cell()], {})
    fewer = check(baseline, [cell(n=10)])
    assert fewer.exit_code == 3
    assert fewer.cells[0].metrics[0].reason == "samples: the run has no value for 2 of its images: 010, 011"
    failed = check(baseline, [cell(failed=(4,))])
    assert failed.cells[0].metrics[0].reason == "samples: the run has no value for image 004 (errors)"


def test_more_samples_than_the_baseline_are_left_out(cell: Make) -> None:
    result = check(baseline_of([cell(n=10)], {}), [cell(n=10)])
    assert result.cells[0].metrics[0].images == 10


def test_costs_are_ratios_and_only_on_request(cell: Make) -> None:
    baseline = baseline_of([cell(costs={"seconds": 1.0, "peak_mb": 100.0})], {})
    slower = [cell(costs={"seconds": 1.8, "peak_mb": 40.0})]
    assert check(baseline, slower).exit_code == 0
    result = check(baseline, slower, perf=True)
    costs = {m.name: m for m in result.cells[0].metrics if m.is_cost}
    assert {name: m.verdict for name, m in costs.items()} == {"peak_mb": "improved", "seconds": "regressed"}
    assert [costs[name].change for name in ("peak_mb", "seconds")] == pytest.approx([0.4, 1.8])
    assert check(baseline, slower, limits_from({}, perf_ratio=2), perf=True).exit_code == 0
    assert check(baseline, [cell()], perf=True).exit_code == 3
    assert check(baseline_of([cell()], {}), slower, perf=True).exit_code == 3


def test_costs_of_another_machine_are_not_compared(cell: Make) -> None:
    then = replace(cell(costs={"seconds": 1.0}), machine={"cpu": "Fast 9000", "device": "cpu"})
    baseline = baseline_of([then], {})
    elsewhere = replace(then, machine={"cpu": "Slow 1", "device": "cpu"})
    (*_, cost) = check(baseline, [elsewhere], perf=True).cells[0].metrics
    assert cost.reason.startswith("machine: cpu: baseline Fast 9000, run Slow 1")
    assert check(baseline, [elsewhere]).exit_code == 0
    assert check(baseline, [replace(then, machine={})], perf=True).exit_code == 0, "not known: compared"


def test_costs_too_small_to_mean_anything_are_equal(cell: Make) -> None:
    baseline = baseline_of([cell(costs={"match_seconds": 0.0001, "peak_mb": 0.0})], {})
    assert check(baseline, [cell(costs={"match_seconds": 0.004, "peak_mb": 7.0})], perf=True).exit_code == 0
    slower = check(baseline, [cell(costs={"match_seconds": 0.01, "peak_mb": 7.0})], perf=True)
    assert [m.change for m in slower.cells[0].metrics if m.is_cost] == [2.0, 1.0]
    assert slower.exit_code == 1


def test_two_cells_that_fit_are_never_chosen_between(cell: Make) -> None:
    twins = [cell(), replace(cell(), run_key="other")]
    (verdict,) = check(baseline_of([cell()], {}), twins).cells
    assert verdict.field == "run"
    assert verdict.reason.endswith("name one with run=FOLDER")
    with pytest.raises(UserError, match="is there twice, with other parameters or code; name one with run="):
        baseline_of(twins, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": {"psnr_y": "much"}}, "tolerance.psnr_y=much: must be a number from 0"),
        ({"tolerance": {"psnr_y": -1}}, "tolerance.psnr_y=-1: must be a number from 0"),
        ({"tolerance": {}, "mode": "strickt"}, "mode=strickt: no such mode; give paired or strict"),
        ({"tolerance": {}, "perf_ratio": 0.5}, "perf.ratio=0.5: must be at least 1"),
    ],
)
def test_bad_limits_are_usage_errors(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        limits_from(**arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_loss_that_may_be_chance_is_unchanged_but_said(cell: Make) -> None:
    one_bad_image = [cell(lambda i, d: -1.0 if i == 3 else 0.0)]
    (psnr, *_) = check(baseline_of([cell()], {}), one_bad_image).cells[0].metrics
    assert psnr.verdict == "unchanged"
    assert psnr.reason == "beyond the tolerance, but the interval holds zero: mode=strict would fail"
    strict = check(baseline_of([cell()], {}), one_bad_image, limits_from({}, mode="strict"))
    assert strict.exit_code == 1
    (better, *_) = check(baseline_of([cell()], {}), [cell()]).cells[0].metrics
    assert better.reason == ""
