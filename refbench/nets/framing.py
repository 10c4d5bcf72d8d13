"""Bringing an LR and a reference of any size into the sizes that the hosted nets can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from refbench.errors import SampleError
from refbench.imaging import bicubic_resize
from refbench.nets.warp import fit
from refbench.tensors import to_image, to_tensor

SMALLEST_REFERENCE = 16
"""Pixels a side: four features, so two by two patches to match."""
SMALLEST_LR = 3
"""Pixels a side: one 3x3 patch."""


@dataclass(frozen=True)
class Framed:
    """What a net gets, and the part of its output that is the answer."""

    lr: Tensor
    reference: Tensor
    height: int
    width: int
    """Rows and columns of the SR image, from the top left."""

    def cut(self, sr: Tensor) -> Tensor:
        """(3, height, width) of the net's output (1, 3, H, W)."""
        return sr[0, :, : self.height, : self.width]


def _check(lr: Tensor, reference: Tensor) -> None:
    if min(reference.shape[1:]) < SMALLEST_REFERENCE:
        raise SampleError(
            f"reference of {reference.shape[2]}x{reference.shape[1]} pixels; "
            f"matching needs at least {SMALLEST_REFERENCE}x{SMALLEST_REFERENCE}"
        )
    if min(lr.shape[1:]) < 1:
        raise SampleError(f"LR of {lr.shape[2]}x{lr.shape[1]} pixels is empty")


def mod_crop(image: Tensor, multiple: int) -> Tensor:
    """The top-left part whose sides are multiples of ``multiple``: (3, H, W) -> (3, H', W')."""
    height, width = (side - side % multiple for side in image.shape[1:])
    return image[:, :height, :width]


def grow(image: Tensor, height: int, width: int) -> Tensor:
    """Continue (3, H, W) at the bottom and right by reflection, by replication where it is too small."""
    missing = (0, width - image.shape[2], 0, height - image.shape[1])
    reflects = missing[1] < image.shape[2] and missing[3] < image.shape[1]
    return F.pad(image[None], missing, mode="reflect" if reflects else "replicate")[0]


def frame_inside(lr: Tensor, reference: Tensor, multiple: int, scale: int = 4) -> Framed:
    """Pad the LR to ``multiple`` and crop the reference to multiples of ``scale``; sizes may differ.

    No padding ever enters the reference, so no padding can be matched. SampleError for a reference
    that is too small to match.
    """
    _check(lr, reference)
    height, width = (max(-(-side // multiple) * multiple, SMALLEST_LR) for side in lr.shape[1:])
    return Framed(
        grow(lr, height, width), mod_crop(reference, scale), lr.shape[1] * scale, lr.shape[2] * scale
    )


def frame_official(lr: Tensor, references: Sequence[Tensor], multiple: int, scale: int = 4) -> list[Framed]:
    """Zero-pad LR and references at the bottom and right to the largest of all sizes.

    This is what the official data sets do, and the black padding is matched like image content. They
    pad the HR image and make the LR from that; here the LR itself is padded, which is the same but for
    its last row and column before the padding. Sides are rounded up to what the net takes, where the
    official code would stop.
    """
    for reference in references:
        _check(lr, reference)
    references = [mod_crop(reference, scale) for reference in references]
    sides = []
    for axis in (1, 2):
        longest = max(lr.shape[axis], *(-(-reference.shape[axis] // scale) for reference in references))
        sides.append(max(-(-longest // multiple) * multiple, SMALLEST_LR))
    height, width = sides

    def zero_padded(image: Tensor, rows: int, columns: int) -> Tensor:
        return F.pad(image, (0, columns - image.shape[2], 0, rows - image.shape[1]))

    lr_padded = zero_padded(lr, height, width)
    return [
        Framed(
            lr_padded,
            zero_padded(reference, height * scale, width * scale),
            lr.shape[1] * scale,
            lr.shape[2] * scale,
        )
        for reference in references
    ]


def pil_bicubic(image: Tensor, height: int, width: int) -> Tensor:
    """Resize (3, H, W) in [0, 1] on 8 bits, as the official pipelines make the extractor's input."""
    return to_tensor(bicubic_resize(to_image(image), (height, width))).to(image.device)


def pil_up(image: Tensor, scale: int = 4) -> Tensor:
    """Bicubic x ``scale`` of (3, H, W), by way of 8 bits."""
    return pil_bicubic(image, image.shape[1] * scale, image.shape[2] * scale)


def pil_blurred(image: Tensor, scale: int = 4) -> Tensor:
    """(3, H, W) at LR sharpness: shrunk to 1/``scale`` and enlarged again by PIL's bicubic."""
    height, width = image.shape[1:]
    return pil_bicubic(pil_bicubic(image, height // scale, width // scale), height, width)


def fit_to(image: Tensor, height: int, width: int) -> Tensor:
    """(3, height, width): ``image`` (3, H, W) cut, or continued by replication, at the bottom and right."""
    return fit(image[None], height, width)[0]


def replicate_to(image: Tensor, multiple: int) -> Tensor:
    """``image`` (3, H, W) continued by replication at the bottom and right to multiples of ``multiple``."""
    height, width = (-(-side // multiple) * multiple for side in image.shape[1:])
    return fit_to(image, height, width)
