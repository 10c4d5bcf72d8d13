"""Homographies: points, symmetries, and that a warped patch shows what the matrix says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from refbench.training.data.homography import (
    apply_homography,
    dihedral,
    flip_rotate,
    from_corners,
    random_homography,
    square_corners,
    towards_identity,
)
from refbench.training.data.synthesis import warp


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_from_corners_maps_each_corner_and_its_inverse_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = square_corners(64)
    target = source + rng.uniform(-12, 12, (4, 2))
    matrix = from_corners(source, target)
    np.testing.assert_allclose(apply_homography(matrix, source), target, atol=1e-8)
    np.testing.assert_allclose(apply_homography(np.linalg.inv(matrix), target), source, atol=1e-8)


def test_no_strength_is_the_identity() -> None:
    matrix = random_homography(np.random.default_rng(0), 96, 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(matrix, np.eye(3), atol=1e-9)


def test_towards_identity_reaches_it() -> None:
    matrix = random_homography(np.random.default_rng(1), 96, 0.1, 0.2, 0.1, 10.0)
    np.testing.assert_allclose(towards_identity(matrix, 96, 0.0), matrix, atol=1e-9)
    np.testing.assert_allclose(towards_identity(matrix, 96, 1.0), np.eye(3), atol=1e-9)


def test_dihedral_matrices_say_where_flip_rotate_moves_each_pixel() -> None:
    size = 5
    image = np.arange(size * size * 3, dtype=np.uint8).reshape(size, size, 3)
    for index in range(8):
        turned = flip_rotate(image, index)
        for y in range(size):
            for x in range(size):
                u, v = apply_homography(dihedral(index, size), np.array([x + 0.5, y + 0.5]))
                assert (turned[int(v), int(u)] == image[y, x]).all()


def test_a_warped_patch_shows_the_point_that_the_homography_names() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:120, 0:120]
    photo = np.stack([128 + 90 * np.sin(x / 9 + y / 23), 60 + x, 60 + y], axis=-1).astype(np.uint8)
    origin, size = (30, 26), 64
    matrix = random_homography(rng, size, 0.05, 0.05, 0.05, 6.0)
    patch = warp(photo, matrix, size, origin)
    inner = np.stack(np.meshgrid(np.arange(20, 44), np.arange(20, 44)), axis=-1) + 0.5
    in_ref = apply_homography(matrix, inner.astype(np.float64))
    for channel in range(3):
        seen = map_coordinates(
            patch[..., channel].astype(float), [in_ref[..., 1] - 0.5, in_ref[..., 0] - 0.5], order=1
        )
        true = photo[origin[1] + 20 : origin[1] + 44, origin[0] + 20 : origin[0] + 44, channel]
        assert np.abs(seen - true).mean() < 1.5
