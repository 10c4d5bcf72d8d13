"""Scoring runs that were damaged, forged, or made elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from refbench.cli.main import main
from refbench.errors import UserError
from refbench.imaging import mod_crop, read_image
from refbench.metrics import METRICS, MetricCatalog, metric_set
from refbench.registry import Registry
from refbench.results.scoring import Scorer, kept_image, protocol_of
from refbench.store import CellStore, SampleRow, find_runs, load_run, read_manifest

PSNR_Y = MetricCatalog(METRICS).of_names(["psnr_y_c0"])[0].signature


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "pairs"
    rng = np.random.default_rng(3)
    for part in ("input", "ref"):
        (root / part).mkdir(parents=True)
        for name in ("a", "b"):
            pixels = rng.integers(0, 256, (30, 34, 3), dtype=np.uint8)
            PILImage.fromarray(pixels).save(root / part / f"{name}.png")
    return root


@pytest.fixture
def folder(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A finished run with images and one metric."""
    words = [
        "run",
        "method=bicubic",
        "suite=pairs",
        f"data.root={data}",
        f"out={tmp_path}/out",
        "tracking=none",
    ]
    assert main([*words, "metrics=[ssim_rgb]", "--json"]) == 0
    capsys.readouterr()
    (found,) = find_runs(tmp_path / "out")
    return found


def scorer(notes: list[str], *metrics: str) -> Scorer:
    return Scorer(metrics, Registry.discover(), note=notes.append)


def test_added_scores_equal_an_independent_computation(folder: Path, data: Path) -> None:
    before = (folder / "samples.jsonl").read_bytes()
    assert scorer([], "psnr_y_c0").score(folder).scored == 2
    for row in load_run(folder).rows:
        target = mod_crop(read_image(data / "input" / f"{row.sample_id}.png"), 4)
        sr = read_image(folder / str(row.image))
        luma = [rgb2ycbcr(image)[..., 0] for image in (target, sr)]
        expected = peak_signal_noise_ratio(*luma, data_range=255)  # type: ignore[no-untyped-call]
        assert row.metrics[PSNR_Y] == pytest.approx(expected, abs=1e-4)
    assert (folder / "samples.jsonl").read_bytes() == before


def test_a_reason_for_absence_goes_when_the_value_comes(folder: Path) -> None:
    with CellStore(folder, read_manifest(folder)) as store:
        for row in store.rows():
            store.append(replace(row, absent={"psnr_y_c0": "no backbone", "lpips_vgg": "no backbone"}))
    scorer([], "psnr_y_c0").score(folder)
    assert [row.absent for row in load_run(folder).rows] == [{"lpips_vgg": "no backbone"}] * 2


@pytest.mark.parametrize("image", ["../../secret.png", "/etc/hostname", "images/../../secret.png"])
def test_no_image_outside_the_folder_is_opened(folder: Path, image: str) -> None:
    PILImage.new("RGB", (4, 4)).save(folder.parent.parent / "secret.png")
    PILImage.new("RGB", (4, 4)).save(folder.parent / "secret.png")
    assert kept_image(folder, SampleRow("a", image=image)) is None


def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    PILImage.new("RGB", (4, 4)).save(folder.parent / "secret.png")
    (folder / "images/link.png").symlink_to(folder.parent / "secret.png")
    assert kept_image(folder, SampleRow("a", image="images/link.png")) is None


def test_a_metric_that_fails_on_one_pair_is_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(spec: object) -> Any:
        def fail(sr: object, target: object) -> float:
            raise RuntimeError("kernel size\ncannot be greater")

        return fail

    monkeypatch.setattr(metric_set, "build", build)
    notes: list[str] = []
    cell = scorer(notes, "psnr_y_c0").score(folder)
    assert (cell.scored, cell.errors) == (0, 2)
    assert notes[0].endswith("a draw 0: kernel size cannot be greater")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"suite": None}, "records no suite"),
        ({"suite": {"name": "x"}}, "a suite of another version"),
        ({"suite": {"name": "x", "dataset": "d", "title": "", "protocols": [{"level": None}]}}, None),
    ],
)
def test_a_manifest_of_another_version_is_one_line(
    folder: Path, change: dict[str, Any], reason: str | None
) -> None:
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    document["config"].update(change)
    path.write_text(json.dumps(document))
    if reason is None:
        assert protocol_of(read_manifest(folder), folder).id == document["protocol"]
        return
    with pytest.raises(UserError, match=reason) as caught:
        scorer([], "psnr_y_c0").score(folder)
    assert "run it again" in str(caught.value)
