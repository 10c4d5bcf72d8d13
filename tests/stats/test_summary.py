from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from refbench.metrics import METRICS, MetricCatalog
from refbench.results.record import CellRecord
from refbench.stats import summarise

PSNR, SSIM, LPIPS = MetricCatalog(METRICS).of_names(["psnr_y", "ssim_y", "lpips_alex"])


def row(sample: str, draw: int = 0, psnr: float | None = 25.0, **more: Any) -> dict[str, Any]:
    return {"sample_id": sample, "draw": draw, "status": "ok", "metrics": {PSNR.signature: psnr}, **more}


def test_means_are_over_images_and_errors_are_counted() -> None:
    rows = [row("a", 0, 24.0), row("a", 1, 26.0), row("b", 0, 29.0)]
    rows.append({"sample_id": "c", "draw": 0, "status": "error", "metrics": {}, "error": "decode"})
    summary = summarise(rows, [PSNR])
    metric = summary.metrics["psnr_y"]
    assert (summary.n, summary.trials, summary.errors, summary.failed) == (2, 4, 1, ("c",))
    assert (metric.mean, metric.n, metric.signature, metric.reason) == (27.0, 2, PSNR.signature, None)
    assert summary.values["psnr_y"] == {("a", 0): 24.0, ("a", 1): 26.0, ("b", 0): 29.0}


def test_infinite_psnr_never_becomes_a_number() -> None:
    rows = [row("a", psnr=None, special={PSNR.signature: "inf"}), row("b"), row("c", psnr=27.0)]
    metric = summarise(rows, [PSNR]).metrics["psnr_y"]
    assert (metric.mean, metric.n) == (26.0, 2)
    assert metric.reason == "no value for 1 of 3 trials: 1 infinite: SR equals the target"


def test_an_unavailable_metric_has_a_reason_and_no_mean() -> None:
    rows = [row(s, absent={"lpips_alex": "backbone not there"}) for s in "ab"]
    metric = summarise(rows, [LPIPS]).metrics["lpips_alex"]
    assert (metric.mean, metric.lo, metric.n, metric.reason) == (None, None, 0, "backbone not there")
    assert summarise([row("a")], [SSIM]).metrics["ssim_y"].reason == "not computed"


def test_nothing_succeeded() -> None:
    failed = {"sample_id": "c", "draw": 0, "status": "error", "metrics": {}, "error": "x"}
    summary = summarise([failed], [PSNR])
    assert (summary.n, summary.errors) == (0, 1)
    assert summary.metrics["psnr_y"].reason == "no trial succeeded"
    assert summarise([], [PSNR]).metrics["psnr_y"].mean is None


def test_json_of_a_cell_has_the_documented_fields() -> None:
    pieces = summarise([row("a"), row("b", psnr=27.0)], [PSNR])
    cell = CellRecord(
        method="datsr", weights="compact", method_label="datsr (compact)", dataset="cufed5",
        dataset_label="cufed5-sample", protocol="canonical@1", baseline=False, n=pieces.n,
        trials=pieces.trials, errors=pieces.errors, run_key="abc",
        rows_path="results/abc/samples.jsonl", metrics=pieces.metrics, values=pieces.values,
    )  # fmt: skip
    data = cell.json()
    assert list(data) == [
        "method", "method_label", "weights", "dataset", "dataset_label", "protocol", "seed", "suite",
        "baseline", "control", "n", "trials", "errors", "run_key", "digest", "rows",
        "metrics",
    ]  # fmt: skip
    assert data["metrics"]["psnr_y"]["mean"] == pytest.approx(26.0)
    assert set(data["metrics"]["psnr_y"]) == {"mean", "lo", "hi", "signature", "n"}


def test_statistics_import_nothing_heavy() -> None:
    code = "import sys, refbench.stats; print([m for m in ('torch', 'scipy', 'pandas') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
