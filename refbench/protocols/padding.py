"""The paddings that official evaluation codes apply before LR is made, and the way back to HR's frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from refbench.types import Image

HrPad = Literal["none", "zero-to-common", "replicate-centred"]
RefPad = Literal["none", "zero-to-common", "replicate-right-bottom"]
HR_PADS: tuple[str, ...] = get_args(HrPad)
REF_PADS: tuple[str, ...] = get_args(RefPad)


@dataclass(frozen=True)
class Frame:
    """Where the scored HR lies inside a padded image, HR pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: Image) -> Image:
        """The scored part of a padded HR or SR image."""
        return np.ascontiguousarray(
            image[self.top : self.top + self.height, self.left : self.left + self.width]
        )


def zero_to(image: Image, height: int, width: int) -> Image:
    """Black pixels added at the bottom and right (C2-Matching, DATSR)."""
    add = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
    return np.pad(image, add, mode="constant")


def up_to_multiple(length: int, multiple: int) -> int:
    """The next multiple of ``multiple`` from ``length`` on."""
    return -(-length // multiple) * multiple


def replicate_centred(image: Image, multiple: int) -> tuple[Image, Frame]:
    """Border pixels repeated on all sides, the odd pixel at the bottom and right (MASA)."""
    height, width = image.shape[:2]
    down, across = up_to_multiple(height, multiple) - height, up_to_multiple(width, multiple) - width
    add = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    return np.pad(image, add, mode="edge"), Frame(down // 2, across // 2, height, width)


def replicate_right_bottom(image: Image, multiple: int) -> Image:
    """Border pixels repeated at the bottom and right (MASA's references)."""
    height, width = image.shape[:2]
    down, across = up_to_multiple(height, multiple) - height, up_to_multiple(width, multiple) - width
    return np.pad(image, ((0, down), (0, across), (0, 0)), mode="edge")


def pad_trial(
    hr: Image,
    refs: tuple[Image, ...],
    hr_pad: str,
    hr_multiple: int,
    ref_pad: str,
    ref_multiple: int,
    least: int = 0,
) -> tuple[Image, Frame, tuple[Image, ...]]:
    """(padded HR, frame of the HR in it, padded references) for a card's paddings; ``least``: no side of the
    common size is smaller."""
    frame = Frame(0, 0, hr.shape[0], hr.shape[1])
    height = up_to_multiple(max([hr.shape[0], least, *(r.shape[0] for r in refs)]), hr_multiple)
    width = up_to_multiple(max([hr.shape[1], least, *(r.shape[1] for r in refs)]), hr_multiple)
    padded = hr
    if hr_pad == "zero-to-common":
        padded = zero_to(hr, height, width)
    elif hr_pad == "replicate-centred":
        padded, frame = replicate_centred(hr, hr_multiple)
    if ref_pad == "zero-to-common":
        refs = tuple(zero_to(r, height, width) for r in refs)
    elif ref_pad == "replicate-right-bottom":
        refs = tuple(replicate_right_bottom(r, ref_multiple) for r in refs)
    return padded, frame, refs
