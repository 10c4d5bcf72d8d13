"""The checks, the border crop and the region that every full-reference metric starts with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError
from refbench.types import Image

Mask = npt.NDArray[np.bool_]


def check_image(image: Image, role: str, exact: bool = False) -> None:
    """Raise SampleError unless ``image`` is uint8 RGB of shape (H, W, 3); ``exact``: or float32 in 0..255."""
    if (
        (image.dtype != np.uint8 and not (exact and image.dtype == np.float32))
        or image.ndim != 3
        or image.shape[2] != 3
    ):
        raise SampleError(f"{role} must be uint8 RGB (H, W, 3), not {image.dtype} {image.shape}")


def cropped(image: Image, *, crop: int, smallest: int, metric: str) -> Image:
    """``image`` without ``crop`` border pixels on each side.

    Raises SampleError when fewer than ``smallest`` pixels would remain on a side.
    """
    check_image(image, "SR image", exact=True)
    height, width = image.shape[0], image.shape[1]
    needed = smallest + 2 * crop
    if min(height, width) < needed:
        raise SampleError(
            f"image of {width}x{height} is too small for {metric}: needs {needed} px a side "
            f"({smallest} after cropping {crop} on each)"
        )
    return image[crop : height - crop, crop : width - crop]


def cropped_pair(sr: Image, target: Image, *, crop: int, smallest: int, metric: str) -> tuple[Image, Image]:
    """Both images without ``crop`` border pixels on each side.

    Raises SampleError when the sizes differ or fewer than ``smallest`` pixels would remain on a side.
    """
    check_image(sr, "SR image", exact=True)
    check_image(target, "target image")
    if sr.shape != target.shape:
        raise SampleError(
            f"SR is {sr.shape[1]}x{sr.shape[0]} but the target is "
            f"{target.shape[1]}x{target.shape[0]} (width x height)"
        )
    return (
        cropped(sr, crop=crop, smallest=smallest, metric=metric),
        cropped(target, crop=crop, smallest=smallest, metric=metric),
    )


def cropped_mask(mask: Mask, *, crop: int, metric: str) -> Mask:
    """``mask`` (H, W) without the border. Raises SampleError when nothing of the region remains."""
    inner = mask[crop : mask.shape[0] - crop, crop : mask.shape[1] - crop]
    if not inner.any():
        raise SampleError(f"nothing of the region is left for {metric} after cropping {crop} on each side")
    return inner
