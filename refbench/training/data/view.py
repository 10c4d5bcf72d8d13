"""What another camera sees of a place: one homography, or two layers that move apart and hide each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .homography import (
    Matrix,
    apply_homography,
    dihedral,
    flip_rotate,
    inverse,
    square_corners,
    towards_identity,
)

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
HIDDEN = -1
"""Layer of a cell that the reference does not show."""


@dataclass(frozen=True)
class Blob:
    """A closed wavy outline in HR-patch positions: what stands in front."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    angle: float
    waves: tuple[float, float, float]
    """Depth (share of the radius) of the outline's second and third harmonic, and their phase."""

    def holds(self, points: Points) -> Mask:
        """Which of the ``points`` (..., 2) lie inside."""
        x, y = points[..., 0] - self.centre[0], points[..., 1] - self.centre[1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        u, v = (cos * x + sin * y) / self.radii[0], (cos * y - sin * x) / self.radii[1]
        around = np.arctan2(v, u)
        second, third, phase = self.waves
        outline = 1 + second * np.cos(2 * around + phase) + third * np.sin(3 * around + phase)
        return np.asarray(np.hypot(u, v) <= outline)


@dataclass(frozen=True)
class HalfPlane:
    """Points whose projection on ``normal`` is beyond ``distance``, in reference positions."""

    normal: tuple[float, float]
    distance: float

    def holds(self, points: Points) -> Mask:
        """Which of the ``points`` (..., 2) lie in it."""
        return np.asarray(points[..., 0] * self.normal[0] + points[..., 1] * self.normal[1] > self.distance)


@dataclass(frozen=True)
class View:
    """Where each position of the HR patch is in the reference."""

    behind: Matrix
    """HR position -> reference position of the background."""
    front: Matrix | None = None
    """The same of what stands in front; None: there is nothing."""
    blob: Blob | None = None
    """What stands in front."""
    foreign: HalfPlane | None = None
    """The part of the reference that shows another place."""

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """One homography per layer, the background first."""
        return (self.behind,) if self.front is None else (self.behind, self.front)

    def towards_identity(self, size: int, amount: float) -> View:
        """The same view from a place nearer to the input's: 0 keeps it, 1 is the input's own."""
        front = None if self.front is None else towards_identity(self.front, size, amount)
        return View(towards_identity(self.behind, size, amount), front, self.blob, self.foreign)

    def extent(self, size: int) -> tuple[Points, Points]:
        """Bounding box, relative to the HR patch, of the patch and of all that the reference may show."""
        corners = square_corners(size)
        seen = [corners, *(apply_homography(inverse(m), corners) for m in self.matrices)]
        points = np.concatenate(seen)
        return np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))

    def regions(self, size: int) -> tuple[Mask, Mask]:
        """Pixels (size, size) of the reference that show the front, and those that show another place.

        What stands in front leaves a hole where the input has it: no photo knows what is behind.
        """
        grid = centres(size, 1)
        front, elsewhere = np.zeros((2, size, size), dtype=bool)
        if self.blob is not None and self.front is not None:
            front = self.blob.holds(apply_homography(inverse(self.front), grid))
            elsewhere = self.blob.holds(apply_homography(inverse(self.behind), grid)) & ~front
        if self.foreign is not None:
            elsewhere = elsewhere | self.foreign.holds(grid)
        return front & ~elsewhere, elsewhere

    def truth(self, size: int, cell: int) -> Truth:
        """The layer of each cell (``cell`` px) of the HR patch, HIDDEN where the reference lacks it."""
        points = centres(size, cell)
        layer = np.zeros(points.shape[:2], dtype=np.int64)
        places = apply_homography(self.behind, points)
        if self.blob is not None and self.front is not None:
            inside = self.blob.holds(points)
            covered = self.blob.holds(apply_homography(inverse(self.front), places))
            layer = np.where(inside, 1, np.where(covered, HIDDEN, 0))
            places = np.where(inside[..., None], apply_homography(self.front, points), places)
        if self.foreign is not None:
            layer = np.where(self.foreign.holds(places), HIDDEN, layer)
        return Truth(np.stack(self.matrices), layer)


@dataclass(frozen=True)
class Truth:
    """Where the input's cells are in the reference."""

    homographies: npt.NDArray[np.float64]
    """(L, 3, 3): HR position -> reference position (edge coordinates, HR pixels), per layer."""
    layer: npt.NDArray[np.int64]
    """(H / 4, W / 4): the layer of each LR cell, or HIDDEN. The reference's border is not considered."""

    def turned(self, index: int, size: int) -> Truth:
        """The truth after ``flip_rotate(image, index)`` of input and reference."""
        symmetry = dihedral(index, size)
        return Truth(symmetry @ self.homographies @ np.linalg.inv(symmetry), flip_rotate(self.layer, index))


def centres(size: int, cell: int) -> Points:
    """Centres (x, y) of the cells of a size x size patch, shape (size / cell, size / cell, 2)."""
    at = (np.arange(size // cell) + 0.5) * cell
    x, y = np.meshgrid(at, at)
    return np.stack([x, y], axis=-1)


def random_blob(rng: np.random.Generator, size: int) -> Blob:
    """An outline that covers between a few and forty per cent of the patch."""
    centre = rng.uniform(0.15, 0.85, 2) * size
    radii = rng.uniform(0.15, 0.42, 2) * size
    second, third = rng.uniform(-0.25, 0.25, 2)
    return Blob(
        (float(centre[0]), float(centre[1])),
        (float(radii[0]), float(radii[1])),
        float(rng.uniform(0, np.pi)),
        (float(second), float(third), float(rng.uniform(0, 2 * np.pi))),
    )


def random_half(rng: np.random.Generator, size: int) -> HalfPlane:
    """A half of the reference, give or take a tenth of its side, on any side."""
    angle = rng.uniform(0, 2 * np.pi)
    normal = (float(np.cos(angle)), float(np.sin(angle)))
    middle = (normal[0] + normal[1]) * size / 2
    return HalfPlane(normal, middle + float(rng.uniform(-0.1, 0.1)) * size)
