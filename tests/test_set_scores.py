"""Metrics of image sets in run, score and tables; features are pixel means in place of a network's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from PIL import Image as PilImage

from refbench.cli.main import main
from refbench.errors import UserError
from refbench.imaging import mod_crop, read_image
from refbench.metrics.sets import kernel_distance
from refbench.results.cells import load_cells
from refbench.results.set_scores import read_sets
from refbench.store import find_runs, load_run


def means(images: list[Any]) -> np.ndarray:
    return np.stack([image.reshape(-1, 3).mean(axis=0) / 255 for image in images])


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("refbench.metrics.sets.inception", lambda: means)
    rng = np.random.default_rng(3)
    for part in ("input", "ref"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for name in "abcd":
            pixels = rng.integers(0, 256, (30, 34, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(tmp_path / "pairs" / part / f"{name}.png")
    return [
        "run", "method=bicubic", "suite=pairs", f"data.root={tmp_path}/pairs", f"out={tmp_path}/out",
        "tracking=none", "device=cpu",
    ]  # fmt: skip


def document(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)["cells"]


def test_a_run_has_values_of_its_set(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = document(capsys, *words, "metrics=[...,kid,fid]")
    kid, fid = cell["metrics"]["kid"], cell["metrics"]["fid"]
    (folder,) = find_runs(tmp_path / "out")
    pairs = []
    for row in load_run(folder).rows:
        target = mod_crop(read_image(tmp_path / "pairs" / "input" / f"{row.sample_id}.png"), 4)
        pairs.append((means([read_image(folder / str(row.image))]), means([target])))
    wanted = kernel_distance(*(list(side) for side in zip(*pairs, strict=True)))
    assert (kid["mean"], kid["lo"], kid["hi"], kid["n"]) == pytest.approx(
        (wanted.value, wanted.lo, wanted.hi, 4)
    )
    assert kid["signature"].endswith("|patch=0|crop=0|n=4|v1")
    assert fid["mean"] is None
    assert fid["reason"].startswith("FID needs at least 100 images, here are 4")
    assert main(["report", str(tmp_path / "out"), f"out={tmp_path}/report"]) == 0
    assert "KID" in capsys.readouterr().out


def test_values_belong_to_the_trials_they_were_made_of(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (whole,) = document(capsys, *words, "metrics=[...,kid]")
    (few,) = document(capsys, *words, "metrics=[...,kid]", "limit=2")
    assert few["metrics"]["kid"]["n"] == 2
    assert few["metrics"]["kid"]["signature"] != whole["metrics"]["kid"]["signature"]
    (stored,) = load_cells([tmp_path / "out"]).cells
    assert stored.metrics["kid"].mean is None
    assert "not computed for these images; refbench score" in str(stored.metrics["kid"].reason)
    (scored,) = document(capsys, "score", f"{tmp_path}/out", "metrics=[kid]")
    assert scored["metrics"]["kid"]["mean"] == whole["metrics"]["kid"]["mean"]


def test_score_says_what_could_not_be_computed(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document(capsys, *words, "images=png")
    capsys.readouterr()
    assert main(["score", f"{tmp_path}/out", "metrics=[ssim_rgb,kid,fid]"]) == 1
    printed = capsys.readouterr()
    assert "fid: not computed: FID needs at least 100 images, here are 4" in printed.err
    assert "kid: not" not in printed.err
    assert main(["score", f"{tmp_path}/out", "metrics=[ssim_rgb,kid]"]) == 0


def test_without_images_there_is_no_value(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = document(capsys, *words, "metrics=[...,kid]", "images=none")
    assert cell["metrics"]["kid"]["reason"] == "4 of 4 SR images were not kept; run with images=png"


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"kid": 1}', '{"kid": {"value": "x"}}', '{"kid": {"value": NaN}}']
)
def test_a_damaged_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "sets.json").write_text(text)
    with pytest.raises(UserError, match=r"sets\.json: damaged .*; delete it and refbench score again"):
        read_sets(tmp_path)


def test_a_region_that_an_image_does_not_have_is_not_tried_again(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The references are the targets: nothing is uncovered, and a second run has nothing to do."""
    for name in "abcd":
        image = (tmp_path / "pairs" / "input" / f"{name}.png").read_bytes()
        (tmp_path / "pairs" / "ref" / f"{name}.png").write_bytes(image)
    asked = [*words, "metrics=[psnr_rgb:region=covered,psnr_rgb:region=uncovered]", "images=none"]
    (cell,) = document(capsys, *asked)
    assert cell["metrics"]["psnr_rgb:region=covered"]["n"] == 4
    uncovered = cell["metrics"]["psnr_rgb:region=uncovered"]
    assert (uncovered["n"], uncovered["reason"]) == (0, "region 'uncovered' is empty in this image")
    assert main(asked) == 0
    assert "0 images computed, 4 reused" in capsys.readouterr().out


def test_fid_of_enough_patches_is_that_of_scipy(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = document(capsys, *words, "metrics=[psnr_y,fid:patch=4]")
    fid = cell["metrics"]["fid:patch=4"]
    (folder,) = find_runs(tmp_path / "out")
    sides: tuple[list[Any], list[Any]] = ([], [])
    for row in load_run(folder).rows:
        target = mod_crop(read_image(tmp_path / "pairs" / "input" / f"{row.sample_id}.png"), 4)
        for side, image in zip(sides, (read_image(folder / str(row.image)), target), strict=True):
            blocks = image.reshape(image.shape[0] // 4, 4, image.shape[1] // 4, 4, 3)
            side.append(blocks.mean(axis=(1, 3)).reshape(-1, 3) / 255)
    a, b = (np.concatenate(side) for side in sides)
    assert fid["signature"].endswith(f"|n={len(a)}|v1")
    assert len(a) == 4 * 7 * 8
    covariances = [np.cov(side, rowvar=False) for side in (a, b)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    apart = a.mean(axis=0) - b.mean(axis=0)
    assert fid["mean"] == pytest.approx(apart @ apart + np.trace(sum(covariances) - 2 * root), rel=1e-8)


def test_a_fid_of_few_items_says_so(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "metrics=[...,fid:patch=4]"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "items, fewer than the network's 2048 features: biased upwards, to be compared at equal n only"
        in said
    )
    assert main([*words, "metrics=[...,fid:patch=1,kid]"]) == 0
    assert "biased upwards" not in " ".join(capsys.readouterr().out.split()).replace("patch=4", "")
