"""Pictures of one trial as the page shows them: views, error maps, and crops where methods differ most."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage

from refbench.types import Image

CROP = 48
"""Side of a crop in HR pixels."""
ERROR_RANGE = 40
"""Mean absolute RGB difference, in grey levels of 255, at which an error map is brightest."""
Plane = npt.NDArray[np.float64]
# black-violet-orange-yellow, rising in lightness: readable in grey and with colour blindness
_ANCHORS = np.array(
    [[0, 0, 4], [51, 10, 95], [136, 34, 106], [203, 65, 73], [245, 125, 21], [252, 255, 164]], np.float64
)  # fmt: skip


def encode(image: Image) -> bytes:
    """Lossless WebP in full resolution: a browser decodes exactly these pixels, in less than PNG's bytes."""
    buffer = io.BytesIO()
    # slower methods save a few per cent
    PilImage.fromarray(image).save(buffer, "WEBP", lossless=True, quality=20, method=1)
    return buffer.getvalue()


def thumbnail(image: Image, side: int = 144) -> bytes:
    """A small WebP for the list."""
    picture = PilImage.fromarray(image)
    picture.thumbnail((side, side), PilImage.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=70, method=2)
    return buffer.getvalue()


def error_map(sr: Image, target: Image) -> Image:
    """Mean absolute RGB difference, 0 .. ERROR_RANGE grey levels from black to yellow, uint8 RGB."""
    error = np.abs(sr.astype(np.int16) - target).mean(axis=2) / ERROR_RANGE
    position = np.clip(error, 0.0, 1.0) * (len(_ANCHORS) - 1)
    base = np.minimum(position.astype(int), len(_ANCHORS) - 2)
    share = (position - base)[..., None]
    coloured: Image = np.rint(_ANCHORS[base] * (1 - share) + _ANCHORS[base + 1] * share).astype(np.uint8)
    return coloured


def disagreement(images: Mapping[str, Image], target: Image | None) -> Plane:
    """Per pixel: how far methods lie apart (standard deviation of grey values), or from HR for one method."""
    grey = [image.astype(np.float64).mean(axis=2) for image in images.values()]
    if len(grey) == 1 and target is not None:
        apart: Plane = np.abs(grey[0] - target.mean(axis=2))
        return apart
    spread: Plane = np.std(np.stack(grey), axis=0)
    return spread


def crop_boxes(difference: Plane, count: int = 2, side: int = CROP) -> list[tuple[int, int, int, int]]:
    """(top, left, height, width) of the ``count`` squares with the largest mean, which do not overlap.

    Small images give smaller squares; those without room for another square give fewer.
    """
    height, width = difference.shape
    side = min(side, height, width)
    left = difference.copy()
    boxes: list[tuple[int, int, int, int]] = []
    blocked = np.zeros((height, width))
    for _ in range(count):
        sums, free = _box_sums(left, side), _box_sums(blocked, side)
        allowed = np.where(free > 0.5, -1.0, sums)
        top, start = (int(v) for v in np.unravel_index(int(np.argmax(allowed)), allowed.shape))
        if allowed[top, start] < 0.0:
            break
        boxes.append((top, start, side, side))
        blocked[top : top + side, start : start + side] = 1.0
    return boxes


def _box_sums(plane: Plane, side: int) -> Plane:
    padded = np.pad(plane, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums: Plane = (
        padded[side:, side:] - padded[:-side, side:] - padded[side:, :-side] + padded[:-side, :-side]
    )
    return sums


def cut(image: Image, box: tuple[int, int, int, int], scale: float = 1.0) -> Image:
    """The part of ``image`` inside ``box``, whose numbers are divided by ``scale`` (for LR)."""
    top, left, height, width = (round(v / scale) for v in box)
    part = image[top : top + max(height, 1), left : left + max(width, 1)]
    return np.ascontiguousarray(part)
