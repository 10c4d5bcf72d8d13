"""C2-Matching against the official forward pass, a padded non-square case, and tampered files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import plain_nets
import pytest
import torch

from refbench.conformance.golden import check_golden, render
from refbench.conformance.golden_fill import fill_module
from refbench.methods.c2_matching.config import RELEASED
from refbench.methods.c2_matching.model import C2Model

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "data" / "golden"
KEYS = GOLDEN / "c2_matching.keys.json"


def test_official_values() -> None:
    report = check_golden("c2_matching", GOLDEN / "c2_matching.sq.npz", KEYS)
    assert report.ok, render(report)
    assert report.compared == 31
    assert "8,865,547 parameters" in next(r.detail for r in report.results if r.name == "keys/net_g")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """HR 36x44 and Ref 40x52, both zero-padded to 40x52: LR 10x13; values from the plain build."""
    import json

    rng = np.random.default_rng(5)
    reference = np.zeros((40, 52, 3), np.uint8)
    reference[:, :] = rng.integers(0, 256, (40, 52, 3))
    lr = np.zeros((10, 13, 3), np.uint8)
    lr[:9, :11] = rng.integers(0, 256, (9, 11, 3))
    up = np.kron(lr, np.ones((4, 4, 1), np.uint8))
    model = C2Model(RELEASED).eval()
    keys = json.loads(KEYS.read_text())["networks"]
    encoders = model.correspondences
    fill_module(encoders.extractor, keys["net_extractor"]["state_dict"])
    fill_module(encoders.texture, keys["net_map"]["state_dict"])
    fill_module(model.restoration, keys["net_g"]["state_dict"])
    plain = plain_nets

    def image(u8: np.ndarray[Any, Any]) -> torch.Tensor:
        return torch.from_numpy(u8).permute(2, 0, 1)[None].float() / 255

    with torch.inference_mode():
        states = [m.state_dict() for m in (encoders.extractor, encoders.texture, model.restoration)]
        sr = plain.plain_c2_matching(*states, image(lr), image(up), image(reference))
        index, value = plain.match_features(states[0], image(up), image(reference))
        texture = plain.textures_of(states[1], image(reference))[2]
    whole = texture.contiguous().numpy()
    return {
        "hr_uint8": reference[:36, :44],
        "ref_padded_uint8": reference,
        "lq_uint8": lr,
        "up_uint8": up,
        "match/idx": index.numpy().astype(np.int32),
        "match/val": value.numpy(),
        "match/margin": np.ones(index.shape, np.float32),
        "ref_feat/relu3_1@samp": whole.reshape(-1)[::7],
        "ref_feat/relu3_1@stride": np.int64(7),
        "ref_feat/relu3_1@shape": np.array(whole.shape),
        "ref_feat/relu3_1@stat": np.array([whole.mean(), np.abs(whole).mean(), whole.std()], np.float64),
        "sr": sr.numpy(),
    }


def saved(case: dict[str, Any], path: Path, **changes: Any) -> Path:
    np.savez(path, **{k: v for k, v in {**case, **changes}.items() if v is not None})
    return path


def test_a_padded_non_square_case(case: dict[str, Any], tmp_path: Path) -> None:
    report = check_golden("c2_matching", saved(case, tmp_path / "a.npz"), KEYS)
    assert report.ok, render(report)
    assert report.compared == 4
    assert render(report, ascii_only=True).isascii()


def test_a_changed_value_fails(case: dict[str, Any], tmp_path: Path) -> None:
    sr = case["sr"].copy()
    sr[0, 1, 7, 9] += 1e-3
    report = check_golden("c2_matching", saved(case, tmp_path / "a.npz", sr=sr), KEYS)
    assert report.exit_code == 1
    failed = [r for r in report.results if r.status == "fail"]
    assert [r.name for r in failed] == ["sr"]
    assert failed[0].detail.startswith("1 beyond ")
    # what it is judged by: the array's scale and norm
    ratio = 1e-3 / float(np.linalg.norm(sr))
    assert failed[0].scale == pytest.approx(float(np.abs(sr).max()))
    assert failed[0].norm_ratio == pytest.approx(ratio, rel=0.02)
    assert f" at scale {failed[0].scale:.2g}, norm ratio {failed[0].norm_ratio:.1e}, " in failed[0].line()


def test_an_unsampled_value_is_seen_by_the_statistics(case: dict[str, Any], tmp_path: Path) -> None:
    changes = {"ref_feat/relu3_1@stat": case["ref_feat/relu3_1@stat"] * 1.01}
    report = check_golden("c2_matching", saved(case, tmp_path / "a.npz", **changes), KEYS)
    assert [r.name for r in report.results if r.status == "fail"] == ["ref_feat/relu3_1"]


def test_a_stored_array_that_is_never_compared_is_a_failure(case: dict[str, Any], tmp_path: Path) -> None:
    changes = {"act/dyn_agg_restore.unknown": np.zeros(3), "act/content_extractor@shape": np.array([9])}
    report = check_golden("c2_matching", saved(case, tmp_path / "a.npz", **changes), KEYS)
    assert not report.ok
    assert [r.name for r in report.results if r.status == "missing"] == ["act/dyn_agg_restore.unknown"]
    assert [r.name for r in report.results if r.status == "skip"] == ["act/content_extractor"]
    assert "1 not compared, 1 skipped" in report.summary()


def flipped(case: dict[str, Any], margin: float) -> dict[str, Any]:
    index, margins = case["match/idx"].copy(), case["match/margin"].copy()
    index[2, 3] = (index[2, 3] + 5) % index.size
    margins[2, 3] = margin
    return {"match/idx": index, "match/margin": margins}


def test_a_clear_index_that_differs_fails(case: dict[str, Any], tmp_path: Path) -> None:
    report = check_golden("c2_matching", saved(case, tmp_path / "a.npz", **flipped(case, 2e-5)), KEYS)
    assert "match/idx" in [r.name for r in report.results if r.status == "fail"]


def test_a_near_tie_is_noted_and_the_stored_index_goes_on(case: dict[str, Any], tmp_path: Path) -> None:
    """The stored SR was made with the own index, so going on with the flipped one must change SR."""
    report = check_golden("c2_matching", saved(case, tmp_path / "a.npz", **flipped(case, 5e-6)), KEYS)
    assert next(r for r in report.results if r.name == "match/idx").status == "pass"
    assert next(r for r in report.results if r.name == "sr").status == "fail"
    assert "1 of 88 indices flipped" in report.notes[0]
    assert f"note: {report.notes[0]}" in render(report)


def test_another_shape_fails(case: dict[str, Any], tmp_path: Path) -> None:
    report = check_golden("c2_matching", saved(case, tmp_path / "a.npz", sr=case["sr"][:, :, :-4]), KEYS)
    failed = next(r for r in report.results if r.name == "sr")
    assert failed.status == "fail"
    assert "shape" in failed.detail
