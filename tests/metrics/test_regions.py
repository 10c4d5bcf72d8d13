"""Regions: a dataset's own, and what the references show of the target."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest
import skimage.data

from refbench.errors import SampleError
from refbench.metrics import METRICS, MetricCatalog
from refbench.metrics.covered import covered, shown_by
from refbench.metrics.covered_identity import ENCODER_SHA256
from refbench.metrics.metric_set import MetricSet
from refbench.metrics.regions import Regions
from refbench.types import Image, Trial

CATALOG = MetricCatalog(METRICS)


@pytest.fixture(scope="module")
def photo() -> Image:
    image: Image = np.ascontiguousarray(skimage.data.astronaut()[40:200, 140:340])
    return image


@pytest.fixture(scope="module")
def other() -> Image:
    image: Image = np.ascontiguousarray(skimage.data.coffee()[100:260, 100:300])
    return image


def trial(target: Image, *refs: Image, **regions: np.ndarray) -> Trial:
    return Trial("a", 0, target[::4, ::4], tuple(refs), target, regions=regions)


def test_the_encoder_is_the_one_in_the_signature() -> None:
    data = (files("refbench.metrics.data") / "encoder.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() == ENCODER_SHA256


def test_an_image_shows_itself_and_another_hardly_anything(photo: Image, other: Image) -> None:
    assert covered(photo, [photo]).all()
    assert covered(photo, [other]).mean() < 0.1
    assert not covered(photo, []).any()
    assert np.array_equal(covered(photo, [other, photo]), covered(photo, [photo]))


def test_half_of_the_target_in_the_reference(photo: Image, other: Image) -> None:
    """Its left half is in the reference 12 pixels lower; the rest of the reference is another photo."""
    reference = other.copy()
    reference[12:, :100] = photo[:-12, :100]
    shown = shown_by(photo, reference)
    left, right = shown[8:-24, 8:88], shown[8:-24, 112:]
    assert left.mean() > 0.9
    assert right.mean() < 0.15


def test_sizes_that_are_not_multiples_of_four(photo: Image) -> None:
    odd = photo[:-1, :-3]
    assert covered(odd, [photo]).shape == odd.shape[:2]
    assert covered(odd, [photo]).mean() > 0.95
    assert not covered(photo, [photo[:8, :8]]).any(), "a reference without a single patch shows nothing"


def test_metrics_on_regions(photo: Image, other: Image) -> None:
    box = np.zeros(photo.shape[:2], bool)
    box[40:80, 60:120] = True
    sr = photo.copy()
    sr[box] = 255 - sr[box]
    names = ["psnr_rgb", "psnr_rgb:region=center", "psnr_rgb:region=fov", "psnr_rgb:region=covered"]
    specs = CATALOG.of_names([*names, "psnr_rgb:region=uncovered"])
    values, absent = MetricSet(specs).score(sr, trial(photo, photo, center=box))
    whole, center, fov, shown, hidden = (spec.signature for spec in specs)
    error = (sr[box].astype(float) - photo[box]) ** 2
    assert values[center] == pytest.approx(10 * np.log10(255**2 / error.mean()))
    assert values[shown] == values[whole]
    assert fov not in values
    assert (
        absent["psnr_rgb:region=fov"] == "no region 'fov' in this sample; known: center, covered, uncovered"
    )
    assert hidden not in values
    assert absent["psnr_rgb:region=uncovered"] == "region 'uncovered' is empty in this image"


def test_without_ground_truth_or_with_a_wrong_mask(photo: Image) -> None:
    values, absent = MetricSet(CATALOG.of_names(["psnr_y:region=covered"])).score(
        photo, Trial("a", 0, photo[::4, ::4], (photo,), None)
    )
    assert (values, absent) == ({}, {"psnr_y:region=covered": "no ground truth"})
    with pytest.raises(SampleError, match="region 'box' is 3x2, the target 200x160"):
        Regions(trial(photo, box=np.ones((2, 3), bool))).mask("box")
