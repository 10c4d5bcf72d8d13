"""DATSR against the official forward pass; and that the check itself cannot pass by accident."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from refbench.conformance.golden import check_golden, render
from refbench.errors import UserError

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def test_official_values() -> None:
    report = check_golden("datsr", GOLDEN / "datsr.sq.npz", GOLDEN / "datsr.keys.json")
    assert report.ok, render(report)
    names = {r.name for r in report.results if r.max_abs is not None}
    for mandatory in ("sr", "match/idx", "match/val", "dense_features1", "dense_features2"):
        assert mandatory in names
    for family in ("pre_offset", "pre_flow", "pre_similarity", "ref_feat"):
        assert {f"{family}/relu{i}_1" for i in (1, 2, 3)} <= names
    assert report.compared == 50
    assert "18,026,971 parameters" in next(r.detail for r in report.results if r.name == "keys/net_g")


def test_two_matches_on_the_same_weights() -> None:
    report = check_golden("datsr", GOLDEN / "datsr_mul.sq.npz", GOLDEN / "datsr_mul.keys.json", 2)
    assert report.ok, render(report)
    names = {r.name for r in report.results if r.max_abs is not None}
    assert {"sr_K1", "sr_K2", "match/idx_top2"} <= names


def test_k_must_be_what_the_file_was_made_with() -> None:
    with pytest.raises(UserError, match=r"was made with K=2; give method.k=2"):
        check_golden("datsr", GOLDEN / "datsr_mul.sq.npz", GOLDEN / "datsr_mul.keys.json", 3)
    with pytest.raises(UserError, match=r"was made with K=1"):
        check_golden("datsr", GOLDEN / "datsr.sq.npz", GOLDEN / "datsr.keys.json", 2)


def test_keys_of_another_net_fail_before_anything_runs(tmp_path: Path) -> None:
    keys = json.loads((GOLDEN / "datsr.keys.json").read_text())
    keys["networks"]["net_g"]["state_dict"][0]["name"] = "renamed.weight"
    changed = tmp_path / "datsr.keys.json"
    changed.write_text(json.dumps(keys))
    report = check_golden("datsr", GOLDEN / "datsr.sq.npz", changed)
    assert not report.ok
    failed = next(r for r in report.results if r.name == "keys/net_g")
    assert failed.status == "fail"
    assert "missing renamed.weight" in failed.detail
    assert "unexpected content_extractor.conv_first.weight" in failed.detail


def test_files_that_are_no_golden_case(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        check_golden("datsr", tmp_path / "absent.npz", GOLDEN / "datsr.keys.json")
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(UserError, match="not a readable npz"):
        check_golden("datsr", tmp_path / "a.npz", GOLDEN / "datsr.keys.json")
    with pytest.raises(UserError, match="not a key list"):
        check_golden("datsr", GOLDEN / "datsr.sq.npz", tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", sr=np.zeros(1))
    with pytest.raises(UserError, match=r"no input 'ref_padded_uint8'"):
        check_golden("datsr", tmp_path / "b.npz", GOLDEN / "datsr.keys.json")
    with pytest.raises(UserError, match="has no golden check"):
        check_golden("bicubic", GOLDEN / "datsr.sq.npz", GOLDEN / "datsr.keys.json")
