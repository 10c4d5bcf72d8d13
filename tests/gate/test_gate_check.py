"""Verdicts and exit codes of the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from refbench.cli.output import plain
from refbench.errors import UserError
from refbench.gate import GateResult, baseline_of, check, document, limits_from, markdown, text
from refbench.results.record import CellRecord

Make = Callable[..., CellRecord]


def noise(size: float, seed: int = 1) -> Callable[[int, int], float]:
    values = np.random.default_rng(seed).normal(0, size, (200, 10))
    return lambda image, draw: float(values[image, draw])


def json_text(result: GateResult) -> str:
    return json.dumps(plain(document(result)), allow_nan=False)


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
    assert psnr.worst[0].sample_id == "005"
    assert len(psnr.worst) == 5
    assert psnr.change == pytest.approx(-0.1 - 0.3 / n, abs=0.02)
    assert psnr.hi is not None
    assert psnr.hi < 0


@pytest.mark.parametrize("ruined", [1, 2, 3])
@pytest.mark.parametrize("n", [13, 32, 126])
def test_images_that_fell_by_15_db_fail_whatever_the_interval_says(cell: Make, n: int, ruined: int) -> None:
    result = check(baseline_of([cell(n=n)], {}), [cell(lambda i, d: -15.0 if i < ruined else 0.0, n=n)])
    psnr = result.cells[0].metrics[0]
    assert (result.verdict, result.exit_code) == ("regressed", 1)
    assert [i.sample_id for i in psnr.worse] == [f"{i:03d}" for i in sorted(range(ruined))]
    assert all(i.change == pytest.approx(-15.0, abs=1e-3) for i in psnr.worse)
    assert all(i.current == pytest.approx(i.baseline - 15.0, abs=1e-3) for i in psnr.worse)
    assert not (psnr.hi is not None and psnr.hi < 0.0), "the interval alone would have let it pass"
    shown = text(result)
    assert f"{ruined} image{'s' if ruined > 1 else ''} lost more than 0.1: 000 " in shown
    assert "(-15.0000)" in shown


@pytest.mark.parametrize("n", [13, 126])
def test_what_rounding_changes_passes(cell: Make, n: int) -> None:
    baseline = baseline_of([cell(n=n)], {})
    assert check(baseline, [cell(lambda i, d: -1e-4, n=n)]).verdict == "unchanged"
    assert check(baseline, [cell(lambda i, d: 1e-4 if i % 2 else -1e-4, n=n)]).exit_code == 0


def test_an_image_may_lose_as_much_as_its_limit(cell: Make) -> None:
    baseline = baseline_of([cell(n=40)], {})
    for loss, code in ((0.09, 0), (0.1, 0), (0.11, 1)):
        worse = [cell(lambda i, d, loss=loss: -loss if i == 3 else 0.0, n=40)]
        assert check(baseline, worse, limits_from({}, image={"ssim_y": 1})).exit_code == code, loss
    allowed, strict = (
        limits_from({}, image={"psnr_y": 2, "ssim_y": 1}, mode=mode) for mode in ("paired", "strict")
    )
    one_bad_image = [cell(lambda i, d: -1.0 if i == 3 else 0.0, n=40)]
    assert check(baseline, one_bad_image, allowed).exit_code == 0
    assert check(baseline, one_bad_image, strict).exit_code == 1


def test_images_that_only_gained_are_an_improvement(cell: Make) -> None:
    result = check(baseline_of([cell()], {}), [cell(lambda i, d: 1.0 if i == 3 else 0.0)])
    assert (result.verdict, result.exit_code) == ("improved", 0)
    mixed = check(baseline_of([cell()], {}), [cell(lambda i, d: 1.0 if i < 6 else -0.5 if i == 7 else 0.0)])
    assert mixed.exit_code == 1, "gains do not make up for an image that is lost"


@pytest.mark.parametrize("side", ["baseline", "run"])
def test_of_a_random_method_the_interval_decides_alone(cell: Make, side: str) -> None:
    then, now = cell(), cell(lambda i, d: -1.0 if i == 3 else 0.0)
    then, now = (replace(then, random=True), now) if side == "baseline" else (then, replace(now, random=True))
    result = check(baseline_of([then], {}), [now])
    assert result.exit_code == 0
    assert "declared random" in result.cells[0].remark
    assert result.cells[0].metrics[0].reason.endswith("its interval holds zero: mode=strict would fail")
    steady = replace(cell(lambda i, d: -0.5), random=True)
    assert check(baseline_of([then], {}), [steady]).exit_code == 1


def test_a_flaky_method_is_named_and_no_single_image_fails_it(cell: Make) -> None:
    flaky = replace(cell(noise(0.3)), repeated={"psnr_y": ("004", 0.31)})
    result = check(baseline_of([cell()], {}), [flaky])
    assert result.exit_code == 0
    assert result.cells[0].remark == (
        "flaky: two calls on the same input differ by up to 0.31 in psnr_y (image 004): the interval of the "
        "mean decides alone; seed it for each call, or declare deterministic=False"
    )
    assert "flaky" in text(result)
    assert "flaky" in markdown(result)
    steady = replace(flaky, repeated={"psnr_y": ("004", 0.0)})
    assert check(baseline_of([cell()], {}), [steady]).exit_code == 1, "two equal calls are not flaky"


def infinite(made: CellRecord, *images: str) -> CellRecord:
    """The same cell with an infinite PSNR on some images."""
    values = {k: v for k, v in made.values["psnr_y"].items() if k[0] not in images}
    special = {key: "inf" for key in made.values["psnr_y"] if key[0] in images}
    return replace(made, values={**made.values, "psnr_y": values}, special={"psnr_y": special})


def test_infinite_values_are_compared(cell: Make) -> None:
    perfect = infinite(cell(), "003")
    fell = check(baseline_of([perfect], {}), [cell()])
    (worse,) = fell.cells[0].metrics[0].worse
    assert (fell.exit_code, worse.sample_id, worse.baseline) == (1, "003", float("inf"))
    assert "003 inf -> " in text(fell)
    assert check(baseline_of([perfect], {}), [replace(cell(), random=True)]).exit_code == 1
    rose = check(baseline_of([cell()], {}), [perfect])
    assert (rose.verdict, rose.exit_code) == ("improved", 0)
    same = check(baseline_of([perfect], {}), [perfect])
    assert (same.verdict, same.cells[0].metrics[0].largest) == ("unchanged", 0.0)
    everything = infinite(cell(n=3), "000", "001", "002")
    assert check(baseline_of([everything], {}), [everything]).verdict == "unchanged"
    assert json.loads(json_text(check(baseline_of([perfect], {}), [cell()])))


def test_not_a_number_is_worse_than_any(cell: Make) -> None:
    then = cell()
    key = ("003", 0)
    values = {k: v for k, v in then.values["psnr_y"].items() if k != key}
    broken = replace(then, values={**then.values, "psnr_y": values}, special={"psnr_y": {key: "nan"}})
    assert check(baseline_of([then], {}), [broken]).exit_code == 1
    assert check(baseline_of([broken], {}), [then]).verdict == "improved"
    assert check(baseline_of([broken], {}), [broken]).verdict == "unchanged"


def hashed(made: CellRecord, *, other: tuple[str, ...] = (), fingerprint: str = "b" * 64) -> CellRecord:
    """The same cell on a dataset of another fingerprint, with hashes of its images."""
    samples = {sample for sample, _ in made.values["psnr_y"]}
    return replace(
        made,
        inputs={s: f"hash of {s}{' now' if s in other else ''}" for s in samples},
        compare_key={**made.compare_key, "dataset": fingerprint},
    )


def test_added_and_missing_images_are_listed_and_the_common_ones_compared(cell: Make) -> None:
    baseline = baseline_of([hashed(cell(n=10), fingerprint="a" * 64)], {})
    more = hashed(cell(n=12))
    (verdict,) = (result := check(baseline, [more])).cells
    assert (result.exit_code, verdict.field, verdict.added) == (3, "dataset", ("010", "011"))
    assert verdict.reason.endswith("; --common compares the 10 images that are the same")
    assert "2 images added, not in the baseline: 010, 011" in text(result)
    assert (common := check(baseline, [more], common=True)).exit_code == 0
    assert common.cells[0].metrics[0].images == 10
    worse = hashed(cell(lambda i, d: -1.0 if i == 4 else 0.0, n=12))
    assert check(baseline, [worse], common=True).exit_code == 1
    fewer = check(baseline, [hashed(cell(n=8))], common=True)
    assert (fewer.exit_code, fewer.cells[0].missing) == (0, ("008", "009"))
    assert "2 images missing, only in the baseline: 008, 009" in text(fewer)


def test_an_image_is_the_same_by_its_content_and_not_by_its_name(cell: Make) -> None:
    baseline = baseline_of([hashed(cell(n=10), fingerprint="a" * 64)], {})
    replaced = hashed(cell(lambda i, d: -9.0 if i == 4 else 0.0, n=10), other=("004",))
    result = check(baseline, [replaced], common=True)
    assert (result.exit_code, result.cells[0].changed) == (0, ("004",))
    assert result.cells[0].metrics[0].images == 9
    nothing = check(baseline, [hashed(cell(n=2), other=("000", "001"))], common=True)
    assert nothing.exit_code == 3
    assert nothing.cells[0].metrics[0].reason == "samples: no image is the same in both"


def test_renamed_images_are_found_by_their_content(cell: Make) -> None:
    then = hashed(cell(n=4), fingerprint="a" * 64)
    baseline = baseline_of([then], {})
    # 000 and 001 have changed places, 002 is called new, and 003 is gone: another image has its name
    names = {"000": "001", "001": "000", "002": "new", "003": "003"}
    now = replace(
        hashed(then, other=("003",)),
        values={
            alias: {(names[sample], draw): value for (sample, draw), value in found.items()}
            for alias, found in then.values.items()
        },
    )
    now = replace(now, inputs={names[image]: digest for image, digest in now.inputs.items()})
    result = check(baseline, [now], common=True)
    assert (result.exit_code, result.cells[0].changed) == (0, ("003",))
    assert (result.cells[0].added, result.cells[0].missing) == ((), ())
    assert all(metric.images == 3 and metric.largest == 0.0 for metric in result.cells[0].metrics)
    assert "000 is 001 in the run" in result.cells[0].remark
    assert "002 is new in the run" in result.cells[0].remark
    # a name that is taken by other content
    moved = replace(then, inputs={**then.inputs, "000": "hash of 003", "003": "hash of nothing"})
    moved = replace(moved, compare_key={**then.compare_key, "dataset": "c" * 64})
    found = check(baseline, [moved], common=True).cells[0]
    assert (found.added, found.missing) == (("003 (other content)",), ("000",))


def test_without_hashes_common_refuses_and_says_what_to_do(cell: Make) -> None:
    baseline = baseline_of([cell(n=10)], {})
    result = check(baseline, [hashed(cell(n=10))], common=True)
    assert (result.exit_code, result.cells[0].field) == (3, "inputs")
    assert "the baseline does not record the hashes of its images" in result.cells[0].reason


def test_a_failed_image_is_not_a_missing_one(cell: Make) -> None:
    baseline = baseline_of([cell(n=10)], {})
    assert check(baseline, [cell(n=10, failed=(3,))], common=True).exit_code == 3
    # of the same dataset fewer or more samples need no hash
    assert check(baseline, [cell(n=8)], common=True).exit_code == 0
    assert check(baseline, [cell(n=12)]).cells[0].added == ("010", "011")


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
    shown = text(slower)
    assert "match_seconds: regressed, 0.0001 (counts as 0.005) -> 0.01, x 2.00" in shown


def test_two_cells_that_fit_are_never_chosen_between(cell: Make) -> None:
    twins = [cell(), replace(cell(), run_key="other")]
    (verdict,) = check(baseline_of([cell()], {}), twins).cells
    assert verdict.field == "run"
    assert verdict.reason.endswith("name one with run=FOLDER")
    with pytest.raises(UserError, match="is there twice, with other parameters or code; name one with run="):
        baseline_of(twins, {})
