"""Reference transforms against independent computations, and the properties every family has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import transform as sk_transform

from refbench.identity.rng import generator
from refbench.imaging.warp import local_scale, project, warp
from refbench.protocols.transforms import load_transform, transform_names
from refbench.protocols.transforms.geometry import (
    homography_from_points,
    matrix_of,
    rotation_matrix,
    scaling_matrix,
)
from refbench.protocols.transforms.photometric import to_linear, to_srgb


def smooth(height: int = 40, width: int = 56) -> np.ndarray:
    noise = np.random.default_rng(1).uniform(0, 255, (height, width, 3))
    blurred = ndimage.gaussian_filter(noise, (3, 3, 0))
    span = blurred.max() - blurred.min()
    return ((blurred - blurred.min()) / span * 255).astype(np.uint8)


ALL = [(name, level) for name in transform_names() for level in load_transform(name).levels]


@pytest.mark.parametrize(("name", "level"), ALL)
def test_every_level_keeps_size_and_repeats(name: str, level: str) -> None:
    family = load_transform(name)
    image = smooth()
    first, facts = family.apply(image, family.levels[level], generator(0, family.id, "1", 0, 0))
    again, _ = family.apply(image, family.levels[level], generator(0, family.id, "1", 0, 0))
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    if (name, level) != ("resample", "identity"):
        assert not np.array_equal(first, image)
    else:
        assert np.array_equal(first, image)
    assert all(isinstance(v, str | float | int) for v in facts.values())
    other, _ = family.apply(image, family.levels[level], generator(0, family.id, "1", 9, 0))
    third, _ = family.apply(image, family.levels[level], generator(0, family.id, "2", 4, 0))
    if not family.random:
        assert np.array_equal(first, other)
        assert np.array_equal(first, third)


@pytest.mark.parametrize(
    "name", [n for n in transform_names() if load_transform(n).ordered and n != "resample"]
)
def test_levels_go_from_mild_to_strong(name: str) -> None:
    family = load_transform(name)
    image = smooth()
    change = []
    for params in family.levels.values():
        out = [family.apply(image, params, generator(0, family.id, "s", d, 0))[0] for d in range(6)]
        change.append(np.mean([np.abs(o.astype(float) - image).mean() for o in out]))
    assert change == sorted(change)
    assert change[0] < change[-1]


def test_warp_agrees_with_scikit_image_inside() -> None:
    image = smooth()
    for matrix in (rotation_matrix(15, 40, 56), scaling_matrix(1.3, 40, 56)):
        theirs = sk_transform.warp(image.astype(float), matrix, order=3, mode="edge", preserve_range=True)
        ours = warp(image, matrix).astype(float)
        assert np.abs(ours - theirs)[6:-6, 6:-6].max() < 4.0


def test_minifying_warp_does_not_alias() -> None:
    """A one-pixel checkerboard shrunk to 0.6 must come out near its mean, not as a moire pattern."""
    board = (np.indices((60, 60)).sum(0) % 2 * 255).astype(np.uint8)
    small = warp(np.stack([board] * 3, -1), scaling_matrix(0.6, 60, 60))[20:40, 20:40].astype(float)
    aliased = sk_transform.warp(board.astype(float), scaling_matrix(0.6, 60, 60), order=3)[20:40, 20:40]
    assert small.std() < 0.5 * aliased.std()


@settings(deadline=None, max_examples=30)
@given(st.floats(-40, 40), st.floats(0.5, 2.0))
def test_local_scale_of_similarity(degrees: float, factor: float) -> None:
    matrix = rotation_matrix(degrees, 31, 47) @ scaling_matrix(factor, 31, 47)
    assert local_scale(matrix, 31, 47) == pytest.approx(1 / factor, rel=1e-6)


def test_perspective_is_the_homography_of_its_corners() -> None:
    start = np.array([[0, 0], [55, 0], [55, 39], [0, 39]], dtype=float)
    end = start + np.random.default_rng(0).uniform(-4, 4, (4, 2))
    matrix = homography_from_points(start, end)
    assert project(matrix, start) == pytest.approx(end)
    theirs = sk_transform.ProjectiveTransform.from_estimate(start, end)
    assert matrix == pytest.approx(theirs.params / theirs.params[2, 2], abs=1e-9)


def test_rotation_turns_both_ways_over_draws() -> None:
    params = load_transform("rotation").levels["15deg"]
    angles = {
        matrix_of(params, generator(0, "rotation@1", "s", d, 0), 40, 56)[1]["degrees"] for d in range(12)
    }
    assert angles == {15.0, -15.0}


def test_srgb_round_trip_and_one_stop() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert np.array_equal(to_srgb(to_linear(ramp)), ramp)
    # a patch of 18 % grey one stop up is 36 % grey: sRGB 118 -> 162
    grey = np.full((2, 2, 3), 118, np.uint8)
    assert set(np.unique(to_srgb(to_linear(grey) * 2))) == {162}


def test_blur_equals_scipy() -> None:
    family = load_transform("blur")
    ours, _ = family.apply(smooth(), family.levels["sigma2"], generator(0))
    theirs = ndimage.gaussian_filter(smooth().astype(float), (2, 2, 0), mode="nearest", truncate=3.0)
    assert np.abs(ours - theirs).max() <= 0.51


def test_noise_has_its_sigma() -> None:
    family = load_transform("noise")
    flat = np.full((100, 100, 3), 128, np.uint8)
    noisy, _ = family.apply(flat, family.levels["sigma15"], generator(0, "n"))
    assert noisy.astype(float).std() == pytest.approx(15.0, rel=0.03)
    assert noisy.astype(float).mean() == pytest.approx(128.0, abs=0.5)
