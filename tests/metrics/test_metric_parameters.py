"""Names with parameters: identity, values against direct calculations, and one clear line for mistakes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.metrics

from refbench.errors import SampleError, UserError
from refbench.metrics import METRICS, MetricCatalog, build
from refbench.metrics.colour import gray
from refbench.specs import MetricSpec
from refbench.types import Image

CATALOG = MetricCatalog(METRICS)


def one(name: str) -> MetricSpec:
    return CATALOG.of_names([name])[0]


@pytest.fixture
def pair() -> tuple[Image, Image]:
    rng = np.random.default_rng(7)
    target = rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)
    sr = np.clip(target + rng.normal(0, 20, target.shape), 0, 255).astype(np.uint8)
    return sr, target


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((48, 60), bool)
    mask[10:30, 15:50] = True
    mask[20:24, 20:30] = False
    return mask


@pytest.mark.parametrize(
    ("name", "signature", "title"),
    [
        ("psnr_y:crop=2", "psnr|space=y601|range=255|round=u8|crop=2|v1", "PSNR-Y c2"),
        (
            "ssim_y:crop=0:space=gray",
            "ssim|space=gray|range=255|round=u8|win=g11s1.5|valid|crop=0|v1",
            "SSIM-Y gray c0",
        ),
        (
            "psnr_y:region=center",
            "psnr|space=y601|range=255|round=u8|crop=4|region=center|v1",
            "PSNR-Y [center]",
        ),
        (
            "psnr_y:variant=pyiqa",
            "psnr|space=y601|range=255|round=u8|crop=4|variant=pyiqa|v1",
            "PSNR-Y pyiqa",
        ),
    ],
)
def test_parameters_are_part_of_the_identity(name: str, signature: str, title: str) -> None:
    spec = one(name)
    assert (spec.signature, spec.title) == (signature, title)
    assert CATALOG.by_signature(signature) == spec
    assert one(spec.alias) == spec
    assert one(signature) == spec


def test_the_same_number_has_one_identity_however_it_is_named() -> None:
    assert one("psnr_y:crop=0") == one("psnr_y_c0")
    assert one("psnr_rgb:space=y601") == one("psnr_y:crop=4") == one("psnr_y")
    assert one("ssim_y:crop=2:region=center") == one("ssim_y:region=center:crop=2")
    assert len(CATALOG.of_names(["psnr_y", "psnr_y:crop=2", "psnr_y:crop=02"])) == 2


def test_a_region_computed_here_says_how() -> None:
    signature = one("lpips_alex:crop=4:region=covered").signature
    assert "|crop=4|region=covered(enc=contrastive-1:" in signature
    assert CATALOG.by_signature(signature).region == "covered"


def test_pyiqa_takes_parameters_in_any_version() -> None:
    spec = one("pyiqa:dists:crop=4:device=cuda")
    assert spec.signature.startswith("pyiqa|name=dists|range=1|round=u8|crop=4|pkg=")
    assert spec.signature.endswith("|device=cuda|v1")
    stored = "pyiqa|name=dists|range=1|round=u8|crop=4|pkg=0.1.99|v1"
    read = CATALOG.by_signature(stored)
    assert (read.alias, read.signature, read.options["crop"]) == ("pyiqa:dists:crop=4", stored, 4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "psnr_y:crp=2",
            "metric 'psnr_y:crp=2': psnr_y has no parameter 'crp'; it takes space, variant, round, crop, "
            "region; did you mean 'crop'?",
        ),
        (
            "psnr_y:space=y610",
            "metric 'psnr_y:space=y610': space=y610; it can be rgb, y601, gray; did you mean 'y601'?",
        ),
        ("psnr_y:crop=-1", "metric 'psnr_y:crop=-1': crop=-1 is not a whole number of pixels"),
        ("psnr_y:crop", "metric 'psnr_y:crop': 'crop' is not parameter=value, e.g. crop=2"),
        ("psnr_y:crop=1:crop=2", "metric 'psnr_y:crop=1:crop=2': crop is given twice"),
        ("psnr_y:region=a/b", "metric 'psnr_y:region=a/b': region=a/b is not the name of a region"),
        ("match_epe:crop=2", "metric 'match_epe:crop=2': match_epe has no parameter 'crop'; it takes none"),
        ("pyiqa:dist:crop=4", "no pyiqa metric 'dist'; did you mean 'dists'?"),
        ("lpips", "no metric 'lpips'; did you mean lpips_alex or lpips_vgg?"),
        ("lpips:crop=4", "no metric 'lpips'; did you mean lpips_alex or lpips_vgg?"),
        ("musiq-koniq", "no metric 'musiq-koniq'; did you mean pyiqa:musiq?"),
    ],
)
def test_mistakes_are_one_line_with_a_suggestion(name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        one(name)
    assert str(caught.value) == message


def test_crop_and_mask_of_psnr(pair: tuple[Image, Image], mask: np.ndarray) -> None:
    sr, target = pair
    inner = np.s_[2:-2, 2:-2]
    error = (sr[inner].astype(float) - target[inner]) ** 2
    assert build(one("psnr_rgb:crop=2"))(sr, target) == pytest.approx(10 * math.log10(255**2 / error.mean()))
    masked = error[mask[inner]].mean()
    found = build(one("psnr_rgb:crop=2:region=center"))(sr, target, mask)
    assert found == pytest.approx(10 * math.log10(255**2 / masked))


def test_a_mask_of_ssim_takes_the_windows_whose_centre_it_holds(
    pair: tuple[Image, Image], mask: np.ndarray
) -> None:
    sr, target = pair
    y = [image @ np.array([65.481, 128.553, 24.966]) / 255 + 16 for image in pair]
    _, full = skimage.metrics.structural_similarity(
        *y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    chosen = np.zeros_like(mask)
    chosen[5:-5, 5:-5] = mask[5:-5, 5:-5]
    found = build(one("ssim_y:crop=0:region=center"))(sr, target, mask)
    assert found == pytest.approx(full[chosen].mean(), abs=1e-12)
    whole = build(one("ssim_y:crop=0:region=center"))(sr, target, np.ones_like(mask))
    assert whole == pytest.approx(build(one("ssim_y_c0"))(sr, target), abs=1e-12)


def test_nothing_left_of_a_region_has_no_value(pair: tuple[Image, Image]) -> None:
    edge = np.zeros((48, 60), bool)
    edge[:3] = True
    with pytest.raises(SampleError, match="nothing of the region is left for PSNR after cropping 4"):
        build(one("psnr_y:region=rim"))(*pair, edge)
    with pytest.raises(SampleError, match="no SSIM window has its centre in the region"):
        build(one("ssim_y_c0:region=rim"))(*pair, edge)


def test_gray_is_what_rgb2gray_gives(pair: tuple[Image, Image]) -> None:
    sr, target = pair
    # MATLAB: inv([1 .956 .621; 1 -.272 -.647; 1 -1.106 1.703]), first row, rounded half away from zero
    weights = np.linalg.inv(np.array([[1, 0.956, 0.621], [1, -0.272, -0.647], [1, -1.106, 1.703]]))[0]
    assert np.array_equal(gray(sr), np.floor(sr @ weights + 0.5))
    a, b = np.floor(sr @ weights + 0.5), np.floor(target @ weights + 0.5)
    wanted = 10 * math.log10(255**2 / ((a - b) ** 2).mean())
    assert build(one("psnr_y:space=gray:crop=0"))(sr, target) == pytest.approx(wanted)


def test_the_variant_of_pyiqa(pair: tuple[Image, Image]) -> None:
    # pyiqa 0.1.16: test_y_channel=True, color_space=ycbcr, on this pair (float32); psnr: data_range=255
    assert build(one("ssim_y:variant=pyiqa:crop=0"))(*pair) == pytest.approx(0.96678954, abs=1e-6)
    assert build(one("psnr_y:variant=pyiqa:crop=0"))(*pair) == pytest.approx(27.3510344, abs=2e-6)
    assert build(one("ssim_y_c0"))(*pair) == pytest.approx(0.9667840, abs=1e-6)
