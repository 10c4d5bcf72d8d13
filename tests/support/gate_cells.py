"""Finished cells for the gate's tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from refbench.metrics import METRICS, MetricCatalog
from refbench.results.record import CellRecord
from refbench.stats import summarise

Change = Callable[[int, int], float]


def cell(
    change: Change = lambda image, draw: 0.0,
    *,
    method: str = "datsr",
    weights: str = "compact",
    protocol: str = "canonical@1",
    params: dict[str, Any] | None = None,
    fingerprint: str = "a" * 64,
    seed: int = 0,
    n: int = 12,
    draws: int = 1,
    metrics: tuple[str, ...] = ("psnr_y", "ssim_y"),
    failed: tuple[int, ...] = (),
    ids: Callable[[int], str] = lambda i: f"{i:03d}",
    costs: dict[str, float] | None = None,
) -> CellRecord:
    """``change(image, draw)`` is added to PSNR, a 30th of it to SSIM."""
    specs = MetricCatalog(METRICS).of_names(metrics)
    base = np.random.default_rng(3).normal(26, 3, n)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        for draw in range(draws):
            delta = change(i, draw)
            scores = {
                s.signature: 0.7 + base[i] / 500 + delta / 30 if "ssim" in s.alias else base[i] + delta
                for s in specs
            }
            status = "error" if i in failed else "ok"
            rows.append({"sample_id": ids(i), "draw": draw, "status": status, "metrics": scores})
    pieces = summarise(rows, specs)
    return CellRecord(
        method=method,
        weights=weights,
        method_label=f"{method} ({weights})" if weights else method,
        dataset="cufed5",
        dataset_label="cufed5-sample",
        protocol=protocol,
        baseline=False,
        n=pieces.n,
        trials=pieces.trials,
        errors=pieces.errors,
        run_key=f"{method}-{weights}-{protocol}-{seed}",
        rows_path="results/x/samples.jsonl",
        metrics=pieces.metrics,
        values=pieces.values,
        compare_key={
            "dataset": fingerprint,
            "protocol": {"id": protocol, "params": params or {"card": {"crop": 4}}},
            "seed": seed,
        },
        failed=pieces.failed,
        costs=costs or {},
    )
