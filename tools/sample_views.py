"""Views of one photo: what a camera would see of it from elsewhere, each by one antialiased resampling.

Reference grades follow the idea of CUFED5 (L1 most alike, L5 another scene). The strengths are this
project's own, tuned so that a good reference helps and L4 still overlaps the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from scipy.ndimage import gaussian_filter, map_coordinates

from refbench.types import Image

Array = npt.NDArray[np.float64]

SUPERSAMPLE = 3
"""Samples per output pixel and axis before the final antialiased reduction."""
_PAD = 3


@dataclass(frozen=True)
class Grade:
    """How far a reference departs from the input."""

    warp: float
    """Strength; 1 is up to 9 degrees of rotation, 14 % of zoom and 6 % of perspective at the corners."""
    shift: float
    """Displacement of the view; 1 is 40 % of a side."""
    blur: float = 0.0
    """Gaussian sigma in pixels."""
    gain: float = 1.0
    """Exposure, as a factor of the 8-bit values."""


GRADES: tuple[Grade, ...] = (
    Grade(warp=0.2, shift=0.05),
    Grade(warp=0.6, shift=0.3, gain=1.08),
    Grade(warp=1.0, shift=0.65, blur=0.6, gain=0.88),
    Grade(warp=1.0, shift=0.75, blur=0.9, gain=0.8),
)
"""L1 to L4; L5 is a view of another photo."""


def similarity(centre: tuple[float, float], zoom: float) -> Array:
    """3x3 matrix from view coordinates (x, y, 1), origin in the view's middle, to photo pixels."""
    return np.array([[zoom, 0, centre[0]], [0, zoom, centre[1]], [0, 0, 1]], dtype=np.float64)


def departure(grade: Grade, size: tuple[int, int], rng: np.random.Generator) -> Array:
    """3x3 homography from a reference's coordinates to the input's, both in pixels from the middle."""
    height, width = size
    sign = rng.choice([-1.0, 1.0], size=8)
    amount = rng.uniform(0.7, 1.0, size=8) * sign
    angle = np.deg2rad(9 * grade.warp * amount[0])
    zoom = 1 + 0.14 * grade.warp * amount[1]
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    tilt = np.eye(3)
    # w = 1 + a x + b y moves a corner by about half a side times a times half a side
    tilt[2, 0] = 0.12 * grade.warp * amount[2] / width
    tilt[2, 1] = 0.12 * grade.warp * amount[3] / height
    # the displacement has the full length, in a direction that changes both coordinates
    share = rng.uniform(0.35, 0.65)
    length = 0.4 * grade.shift
    move = np.eye(3)
    move[0, 2] = length * np.sqrt(share) * width * sign[4]
    move[1, 2] = length * np.sqrt(1 - share) * height * sign[5]
    matrix: Array = move @ turn @ np.diag([zoom, zoom, 1.0]) @ tilt
    return matrix


def corners(size: tuple[int, int], matrix: Array) -> Array:
    """The view's four corners in photo coordinates, shape (4, 2) as (x, y)."""
    half_h, half_w = size[0] / 2 + _PAD, size[1] / 2 + _PAD
    points = np.array(
        [[-half_w, -half_h, 1], [half_w, -half_h, 1], [half_w, half_h, 1], [-half_w, half_h, 1]]
    )
    mapped = points @ matrix.T
    result: Array = mapped[:, :2] / mapped[:, 2:]
    return result


def inside(photo: Image, size: tuple[int, int], matrix: Array) -> bool:
    """True when the whole view lies within the photo, so that no border has to be invented."""
    points = corners(size, matrix)
    limit = np.array([photo.shape[1] - 1, photo.shape[0] - 1])
    return bool((points >= 0).all() and (points <= limit).all())


def overlap(size: tuple[int, int], to_input: Array, input_size: tuple[int, int]) -> float:
    """Share of a reference's pixels (0..1) that show something the input shows too."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    points = np.stack([x.ravel() + 0.5 - size[1] / 2, y.ravel() + 0.5 - size[0] / 2, np.ones(x.size)])
    mapped = to_input @ points
    u, v = mapped[0] / mapped[2], mapped[1] / mapped[2]
    return float(((np.abs(u) <= input_size[1] / 2) & (np.abs(v) <= input_size[0] / 2)).mean())


def render(photo: Image, size: tuple[int, int], matrix: Array, grade: Grade | None = None) -> Image:
    """The view of ``size`` (H, W): cubic sampling on a finer grid, then one antialiased reduction.

    ``matrix`` maps view coordinates to photo pixels. Raises ValueError when the view leaves the photo.
    """
    if not inside(photo, size, matrix):
        raise ValueError("the view reaches beyond the photo")
    fine_h, fine_w = ((side + 2 * _PAD) * SUPERSAMPLE for side in size)
    rows = (np.arange(fine_h) + 0.5) / SUPERSAMPLE - fine_h / (2 * SUPERSAMPLE)
    columns = (np.arange(fine_w) + 0.5) / SUPERSAMPLE - fine_w / (2 * SUPERSAMPLE)
    x, y = np.meshgrid(columns, rows)
    mapped = matrix @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    where = np.stack([mapped[1] / mapped[2], mapped[0] / mapped[2]])
    channels = [
        _reduced(map_coordinates(channel, where, order=3, mode="nearest").reshape(fine_h, fine_w))
        for channel in _channels(photo)
    ]
    view = np.stack(channels, axis=2)
    if grade is not None and grade.blur:
        view = gaussian_filter(view, (grade.blur, grade.blur, 0), mode="nearest")
    if grade is not None:
        view = view * grade.gain
    view = view[_PAD:-_PAD, _PAD:-_PAD]
    result: Image = np.clip(np.floor(view + 0.5), 0, 255).astype(np.uint8)
    return result


def _channels(photo: Image) -> Sequence[Array]:
    return [photo[:, :, index].astype(np.float64) for index in range(3)]


def _reduced(fine: Array) -> Array:
    size = (fine.shape[1] // SUPERSAMPLE, fine.shape[0] // SUPERSAMPLE)
    plane = PILImage.fromarray(fine.astype(np.float32))
    result: Array = np.asarray(plane.resize(size, PILImage.Resampling.BICUBIC), dtype=np.float64)
    return result
