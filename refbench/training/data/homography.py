"""Random homographies and what they do to pixel positions.

Coordinates are (x, y) in *edge* convention: pixel i covers [i, i + 1], its centre is i + 0.5. Going to
a grid of another resolution is then a plain division, with no half-pixel correction.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Matrix: TypeAlias = npt.NDArray[np.float64]
"""Homography, shape (3, 3), applied to column vectors (x, y, 1)."""


def apply_homography(matrix: Matrix, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Map ``points`` of shape (..., 2), last axis (x, y), through ``matrix``."""
    homogeneous = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    mapped: npt.NDArray[np.float64] = homogeneous[..., :2] / homogeneous[..., 2:]
    return mapped


def inverse(matrix: Matrix) -> Matrix:
    """The homography the other way."""
    return np.linalg.inv(matrix).astype(np.float64)


def from_corners(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> Matrix:
    """The homography that maps four points (4, 2) onto four others (direct linear transform)."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solution = np.linalg.solve(np.asarray(rows, dtype=np.float64), target.reshape(-1).astype(np.float64))
    return np.append(solution, 1.0).reshape(3, 3)


def square_corners(size: int) -> npt.NDArray[np.float64]:
    """Corners of a size x size patch, clockwise from the top left, shape (4, 2)."""
    return np.array([[0, 0], [size, 0], [size, size], [0, size]], dtype=np.float64)


def random_homography(
    rng: np.random.Generator, size: int, corner: float, shift: float, scale: float, rotation: float
) -> Matrix:
    """Draw a homography from HR-patch positions to reference-patch positions.

    ``corner`` and ``shift`` are fractions of ``size``: the largest displacement of each corner on its
    own and of the patch as a whole. ``scale`` s draws a zoom from [1/(1+s), 1+s]; ``rotation`` is the
    largest angle in degrees. All four at zero give the identity. (C2-Matching's stage 1 moves corners
    only, by up to 9 of 160 px.)
    """
    corners = square_corners(size)
    centre = size / 2
    zoom = (1.0 + scale) ** rng.uniform(-1.0, 1.0)
    angle = np.deg2rad(rng.uniform(-rotation, rotation))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - centre) @ turn.T + centre
    moved += rng.uniform(-corner, corner, size=(4, 2)) * size
    moved += rng.uniform(-shift, shift, size=2) * size
    return from_corners(corners, moved)


def towards_identity(matrix: Matrix, size: int, amount: float) -> Matrix:
    """Blend the corner displacements of ``matrix`` towards none: amount 0 keeps it, 1 is the identity."""
    corners = square_corners(size)
    moved = apply_homography(matrix, corners)
    return from_corners(corners, corners + (1.0 - amount) * (moved - corners))


def dihedral(index: int, size: int) -> Matrix:
    """The matrix of ``flip_rotate(image, index)`` on a square patch of ``size`` pixels."""
    matrix = np.eye(3)
    if index & 4:
        matrix = np.array([[-1.0, 0, size], [0, 1, 0], [0, 0, 1]]) @ matrix
    quarter = np.array([[0.0, 1, 0], [-1, 0, size], [0, 0, 1]])
    for _ in range(index & 3):
        matrix = quarter @ matrix
    return matrix


def flip_rotate(image: npt.NDArray[Any], index: int) -> npt.NDArray[Any]:
    """One of the eight symmetries of the square, 0..7: bit 2 mirrors left-right, then quarter turns."""
    if index & 4:
        image = image[:, ::-1]
    return np.ascontiguousarray(np.rot90(image, index & 3))
