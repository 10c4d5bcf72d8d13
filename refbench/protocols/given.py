"""Images from outside: which given LR fits its HR, what of HR is scored, what a plugin may return."""

from __future__ import annotations

import numpy as np

from refbench.errors import SampleError
from refbench.types import Image

SLACK = 16
"""Pixels that an SR image may differ from HR's size where the protocol resizes it: codes around diffusion
models cut their output to multiples of 8. What differs by more is another scale, or another image."""


def check_given(name: str, lr: Image, hr: Image, target: Image, scale: int, fitted: bool) -> None:
    """SampleError unless LR has HR / scale pixels along each side, rounded down or up, of HR as the dataset
    holds it or of the cropped ``target``; where SR is ``fitted`` to HR, its size may differ by SLACK."""
    for axis in (0, 1):
        made = lr.shape[axis] * scale
        if fitted and abs(made - target.shape[axis]) <= SLACK:
            continue
        sides = (hr.shape[axis], target.shape[axis])
        if made not in {rounded for s in sides for rounded in (s // scale * scale, -(-s // scale) * scale)}:
            raise SampleError(
                f"{name}: the given LR is {lr.shape[1]}x{lr.shape[0]}, the cropped HR "
                f"{target.shape[1]}x{target.shape[0]} is not {scale} times that, nor is HR with its "
                f"{hr.shape[1]}x{hr.shape[0]} rounded to whole LR pixels; another scale: card=canonical_x2"
            )


def scored_of_given(target: Image, lr: Image, scale: int) -> tuple[Image, tuple[int, int, int, int] | None]:
    """(part of the target that SR covers, part of SR that the target covers, None for all of it).

    Where LR was rounded, both are cut at their bottom and right to what they share.
    """
    made = (lr.shape[0] * scale, lr.shape[1] * scale)
    height, width = min(target.shape[0], made[0]), min(target.shape[1], made[1])
    return target[:height, :width], None if (height, width) == made else (0, 0, height, width)


def checked_image(image: object, maker: str, size: tuple[int, int] | None = None) -> Image:
    """``image``, if it is one: uint8 RGB (H, W, 3), of ``size`` (H, W) where that is given. SampleError."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        shown = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise SampleError(f"{maker} made {shown}, not uint8 RGB (H, W, 3)")
    made = f"{image.shape[1]}x{image.shape[0]}"
    if 0 in image.shape:
        raise SampleError(f"{maker} made an empty image of {made}")
    if size is not None and image.shape[:2] != size:
        raise SampleError(f"{maker} made {made}, not {size[1]}x{size[0]}")
    return image
