"""TTSR against the official forward pass."""

from __future__ import annotations

from pathlib import Path

from refbench.conformance.golden import check_golden, render

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def test_official_values() -> None:
    report = check_golden("ttsr", GOLDEN / "ttsr.sq.npz", GOLDEN / "ttsr.keys.json")
    assert report.ok, render(report)
    assert report.compared == 30
    names = {r.name for r in report.results if r.max_abs is not None}
    assert {"S", "T_lv1", "T_lv2", "T_lv3", "lte/lrsr_lv3", "lte/ref_lv1", "sr", "sr_before_clamp"} <= names
    assert next(r.detail for r in report.results if r.name == "keys/TTSR").startswith("316 tensors")
