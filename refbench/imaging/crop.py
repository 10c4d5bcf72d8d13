"""Cropping to a multiple of the scale."""

from __future__ import annotations

from refbench.errors import SampleError
from refbench.types import Image


def mod_crop(image: Image, multiple: int) -> Image:
    """The largest top-left part of (H, W, 3) whose sides are multiples of ``multiple``.

    The crop keeps the top-left corner, as the TTSR, C2-Matching and DATSR codes do. Raises SampleError
    when nothing would be left.
    """
    height, width = (side - side % multiple for side in image.shape[:2])
    if not height or not width:
        raise SampleError(
            f"a {image.shape[1]}x{image.shape[0]} image is smaller than the multiple {multiple}"
        )
    return image[:height, :width]
