"""MASA against the official forward pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refbench.conformance.golden import check_golden, render

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
KEYS = GOLDEN / "masa.keys.json"


def test_official_values() -> None:
    report = check_golden("masa", GOLDEN / "masa.sq.npz", KEYS)
    assert report.ok, render(report)
    assert report.compared == 30
    names = {r.name for r in report.results if r.max_abs is not None}
    assert {"search/corr", "search/idx", "search_org/corr", "search_org/idx", "sr", "residual"} <= names
    assert {"warp_ref_x1", "warp_ref_x2", "warp_ref_x4", "enc/refdown_L1", "act/decoder.pAda#2"} <= names
    detail = next(r.detail for r in report.results if r.name == "keys/MASA")
    assert detail == "210 tensors, 4,028,291 parameters"


@pytest.mark.parametrize("name", ["search/idx", "search_org/idx"])
def test_another_match_fails(name: str, tmp_path: Path) -> None:
    arrays = dict(np.load(GOLDEN / "masa.sq.npz"))
    arrays[name] = arrays[name].copy()
    arrays[name].flat[3] = (arrays[name].flat[3] + 1) % 160
    np.savez(tmp_path / "changed.npz", **arrays)
    report = check_golden("masa", tmp_path / "changed.npz", KEYS)
    assert not report.ok
    assert next(r.detail for r in report.results if r.name == name).startswith("1 of ")


def test_swapped_channels_fail(tmp_path: Path) -> None:
    """The net takes BGR: its checkpoints give another image for RGB."""
    arrays = dict(np.load(GOLDEN / "masa.sq.npz"))
    for name in ("lr_pad_uint8", "ref_pad_uint8", "ref_down_uint8"):
        arrays[name] = arrays[name][..., ::-1]
    np.savez(tmp_path / "rgb.npz", **arrays)
    report = check_golden("masa", tmp_path / "rgb.npz", KEYS)
    assert {r.name for r in report.results if r.status == "fail"} >= {"enc/lr_L1", "sr"}
