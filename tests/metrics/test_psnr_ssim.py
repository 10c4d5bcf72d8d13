"""PSNR and SSIM against the official codes' values, scikit-image and a direct evaluation."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from refbench.errors import SampleError
from refbench.metrics import METRICS, MetricCatalog, build
from refbench.metrics.colour import luma
from refbench.types import Image

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def score(alias: str, sr: Image, target: Image) -> float:
    return build(MetricCatalog(METRICS).of_names([alias])[0])(sr, target)


@pytest.mark.parametrize(
    ("alias", "value"),
    [
        ("psnr_y", 26.838151),
        ("psnr_y_c0", 26.880486),
        ("psnr_rgb", 25.336593),
        ("ssim_y", 0.842713),
        ("ssim_y_c0", 0.845169),
    ],
)
def test_astronaut_bicubic(alias: str, value: float, astronaut: tuple[Image, Image]) -> None:
    assert score(alias, *astronaut) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("case", ["a", "b"])
def test_official_codes_on_one_image_pair(case: str) -> None:
    """c2_datsr and masa metric codes; the float32 of the official code is worth up to 1e-5 dB."""
    arrays_ = np.load(GOLDEN / "metrics.npz")
    expected = json.loads((GOLDEN / "metrics.json").read_text())[case]
    target = arrays_[f"{case}/gt_uint8"]
    sr = (arrays_[f"{case}/sr_rgb01"].clip(0, 1) * 255.0).round().astype(np.uint8)
    for alias, key, tolerance in (
        ("psnr_y", "c2_datsr.psnr_y_crop4", 1e-5),
        ("psnr_rgb", "c2_datsr.psnr_rgb_crop4", 1e-5),
        ("ssim_y", "c2_datsr.ssim_y_crop4", 1e-6),
        ("psnr_y_c0", "masa.psnr_y_nocrop", 1e-5),
        ("ssim_y_c0", "masa.ssim_y_nocrop", 1e-6),
    ):
        assert score(alias, sr, target) == pytest.approx(expected[key], abs=tolerance), key


def test_ssim_rgb_is_the_mean_over_channels(astronaut: tuple[Image, Image]) -> None:
    sr, target = (image[100:164, 100:180] for image in astronaut)
    grey = [
        score("ssim_rgb", np.repeat(sr[..., c : c + 1], 3, 2), np.repeat(target[..., c : c + 1], 3, 2))
        for c in range(3)
    ]
    assert score("ssim_rgb", sr, target) == pytest.approx(float(np.mean(grey)), abs=1e-12)


def test_ssim_equals_its_formula_on_one_window() -> None:
    rng = np.random.default_rng(5)
    sr, target = rng.integers(0, 256, (2, 11, 11, 3), dtype=np.uint8)
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    x, y = luma(sr), luma(target)
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * x * x).sum() - mx**2, (window * y * y).sum() - my**2
    cov = (window * x * y).sum() - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert score("ssim_y_c0", sr, target) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, (2, 13, 17, 3)))
def test_psnr_equals_scikit_image(pair: Image) -> None:
    sr, target = pair
    ours = score("psnr_rgb", sr, target)
    a, b = sr[4:-4, 4:-4], target[4:-4, 4:-4]
    if np.array_equal(a, b):
        assert math.isinf(ours)
    else:
        reference: Callable[..., float] = skimage.metrics.peak_signal_noise_ratio
        assert ours == pytest.approx(reference(b, a, data_range=255), abs=1e-9)


def test_luma_range_is_limited_and_not_rounded() -> None:
    ends = np.array([[[0, 0, 0], [255, 255, 255], [1, 0, 0]]], np.uint8)
    assert luma(ends)[0] == pytest.approx([16.0, 235.0, 16.0 + 65.481 / 255])


def test_identical_images(astronaut: tuple[Image, Image]) -> None:
    target = astronaut[1]
    assert score("psnr_y", target, target) == math.inf
    assert score("ssim_y", target, target) == pytest.approx(1.0)


def test_only_the_border_differs(astronaut: tuple[Image, Image]) -> None:
    target = astronaut[1][:40, :40]
    sr = target.copy()
    sr[:4] = 0
    assert score("psnr_y", sr, target) == math.inf
    assert score("psnr_y_c0", sr, target) < 30


def test_sizes_that_differ_are_a_sample_error() -> None:
    with pytest.raises(SampleError, match=r"^SR is 30x20 but the target is 32x20 \(width x height\)$"):
        score("psnr_y", np.zeros((20, 30, 3), np.uint8), np.zeros((20, 32, 3), np.uint8))


def test_too_small_images_are_a_sample_error() -> None:
    tiny = np.zeros((18, 40, 3), np.uint8)
    with pytest.raises(SampleError, match=r"image of 40x18 is too small for SSIM: needs 19 px a side"):
        score("ssim_y", tiny, tiny)
    smallest = np.zeros((19, 19, 3), np.uint8)
    assert score("ssim_y", smallest, smallest) == pytest.approx(1.0)
    with pytest.raises(SampleError, match="too small for PSNR: needs 9 px a side"):
        score("psnr_y", tiny[:8], tiny[:8])


@pytest.mark.parametrize(
    "bad", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3)), np.zeros((20, 20, 4), np.uint8)]
)
def test_other_images_than_uint8_rgb_are_refused(bad: Image) -> None:
    with pytest.raises(SampleError, match="SR image must be uint8 RGB"):
        score("psnr_y", bad, np.zeros((20, 20, 3), np.uint8))
