"""Where each point of HR truly is in the reference: a known warp, or measured pixel by pixel.

Points are (x, y) in HR pixels, pixel centres at whole numbers.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from refbench.imaging.warp import Matrix, project

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
EDGE = 1.0
"""Pixels by which the displacements of four neighbouring pixels may differ to be one surface: a turn by 30
degrees makes 0.73. Across the edge of an object there is no true place in between."""


class Truth(Protocol):
    """A true correspondence."""

    def places(self, points: Points) -> Points:
        """Reference points of HR ``points`` (..., 2); NaN where the place is not known or not visible."""
        ...

    def shown(self, places: Points) -> Mask:
        """Which reference ``places`` (..., 2) show a part of HR; shape (...)."""
        ...


class Warp:
    """The reference is HR under a projective map."""

    def __init__(self, matrix: Matrix, hr_size: tuple[int, int]) -> None:
        """``matrix``: 3 x 3, from HR points to reference points. ``hr_size``: (H, W)."""
        self._matrix = matrix
        self._back = np.linalg.inv(matrix).astype(np.float64)
        self._size = hr_size

    def places(self, points: Points) -> Points:
        """The mapped points: every one has a place, inside the reference or not."""
        return project(self._matrix, points)

    def shown(self, places: Points) -> Mask:
        """Those that map back into HR."""
        return inside(project(self._back, places), self._size)


class Measured:
    """The place of every HR pixel, as stereo and flow data sets give it."""

    def __init__(self, of_pixels: Points, ref_size: tuple[int, int]) -> None:
        """``of_pixels``: (H, W, 2), NaN where not known or not visible. ``ref_size``: (H, W)."""
        self._of_pixels = of_pixels
        self._seen = seen(of_pixels, ref_size)

    def places(self, points: Points) -> Points:
        """Bilinear between four pixels; NaN where one is not known or an edge runs between them."""
        height, width = self._of_pixels.shape[:2]
        low = np.floor(points).astype(np.int64)
        share = points - low
        xs = [np.clip(low[..., 0] + step, 0, width - 1) for step in (0, 1)]
        ys = [np.clip(low[..., 1] + step, 0, height - 1) for step in (0, 1)]
        corners = np.stack([self._of_pixels[y, x] for y in ys for x in xs])
        right, down = share[..., 0:1], share[..., 1:2]
        weights = np.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
        found: Points = (weights * corners).sum(axis=0)
        moved = corners - np.stack([np.stack([x, y], axis=-1) for y in ys for x in xs])
        apart = np.linalg.norm(moved[:, None] - moved[None], axis=-1).max(axis=(0, 1))
        # a comparison with NaN is false: unknown corners fail it, too
        known = (apart <= EDGE) & inside(points, (height, width))
        return np.where(known[..., None], found, np.nan)

    def shown(self, places: Points) -> Mask:
        """Those within a pixel of the place of some HR pixel."""
        at = np.rint(places).astype(np.int64)
        within = inside(at.astype(np.float64), self._seen.shape)
        clipped = np.clip(at, 0, np.array([self._seen.shape[1] - 1, self._seen.shape[0] - 1]))
        found: Mask = within & self._seen[clipped[..., 1], clipped[..., 0]]
        return found


def seen(of_pixels: Points, ref_size: tuple[int, int]) -> Mask:
    """The reference pixels (H, W) that HR pixels fall on, and their neighbours: the map may stretch."""
    known = np.isfinite(of_pixels).all(axis=-1)
    at = np.rint(of_pixels[known])
    at = at[inside(at, ref_size)].astype(np.int64)
    padded = np.zeros((ref_size[0] + 2, ref_size[1] + 2), dtype=np.bool_)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            padded[at[:, 1] + down, at[:, 0] + right] = True
    return padded[1:-1, 1:-1]


def truth_of(given: npt.NDArray[np.float64], hr_size: tuple[int, int], ref_size: tuple[int, int]) -> Truth:
    """The truth that ``Trial.truth`` holds: 3 x 3 for a warp, (H, W, 2) for measured places."""
    return Warp(given, hr_size) if given.ndim == 2 else Measured(given, ref_size)


def inside(points: Points, size: tuple[int, ...]) -> Mask:
    """Whether points (..., 2) lie within an image of (H, W)."""
    x, y = points[..., 0], points[..., 1]
    found: Mask = (x >= 0) & (y >= 0) & (x <= size[1] - 1) & (y <= size[0] - 1)
    return found
