"""The checks and the border crop that every full-reference metric starts with."""

from __future__ import annotations

import numpy as np

from refbench.errors import SampleError
from refbench.types import Image


def check_image(image: Image, role: str) -> None:
    """Raise SampleError unless ``image`` is uint8 RGB of shape (H, W, 3)."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise SampleError(f"{role} must be uint8 RGB (H, W, 3), not {image.dtype} {image.shape}")


def cropped_pair(sr: Image, target: Image, *, crop: int, smallest: int, metric: str) -> tuple[Image, Image]:
    """Both images without ``crop`` border pixels on each side.

    Raises SampleError when the sizes differ or fewer than ``smallest`` pixels would remain on a side.
    """
    check_image(sr, "SR image")
    check_image(target, "target image")
    if sr.shape != target.shape:
        raise SampleError(
            f"SR is {sr.shape[1]}x{sr.shape[0]} but the target is "
            f"{target.shape[1]}x{target.shape[0]} (width x height)"
        )
    height, width = sr.shape[0], sr.shape[1]
    needed = smallest + 2 * crop
    if min(height, width) < needed:
        raise SampleError(
            f"image of {width}x{height} is too small for {metric}: needs {needed} px a side "
            f"({smallest} after cropping {crop} on each)"
        )
    window = np.s_[crop : height - crop, crop : width - crop]
    return sr[window], target[window]
