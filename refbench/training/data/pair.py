"""One training pair and how a batch of them becomes tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from .view import HIDDEN, Truth

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SCALE = 4
KINDS = ("similar", "unrelated", "texture", "absent")
GREY = 128
"""Level of the constant reference that stands for "no reference"."""


@dataclass(frozen=True)
class Pair:
    """uint8 RGB patches: hr (P, P, 3), lr (P/4, P/4, 3), ref (P, P, 3)."""

    hr: npt.NDArray[np.uint8]
    lr: npt.NDArray[np.uint8]
    ref: npt.NDArray[np.uint8]
    kind: str
    """One of KINDS."""
    truth: Truth | None
    """Where the input's cells are in ``ref``; None when they are nowhere, or unknown."""
    others: tuple[npt.NDArray[np.uint8], ...] = ()
    """Further references (P, P, 3), for nets that fuse several."""


@dataclass(frozen=True)
class Batch:
    """Float32 RGB in [0, 1]: hr and ref (B, 3, P, P), lr (B, 3, P/4, P/4)."""

    hr: Tensor
    lr: Tensor
    ref: Tensor
    homographies: Tensor
    """(B, L, 3, 3): HR position -> position in ``ref``, per layer of the view."""
    layer: Tensor
    """(B, P/4 * P/4): the layer of each LR cell, row-major; HIDDEN where ``ref`` does not show it."""
    refs: Tensor
    """(B, R, 3, P, P): all references, the first of which is ``ref``."""

    def to(self, device: torch.device) -> Batch:
        """The batch on ``device``."""
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def bicubic_lr(hr: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """LR by Pillow's antialiased bicubic, uint8: the way every protocol makes it."""
    height, width = hr.shape[:2]
    image = PILImage.fromarray(hr).resize((width // SCALE, height // SCALE), PILImage.Resampling.BICUBIC)
    return np.asarray(image)


def absent_reference(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A constant mid-grey image: what the nets see when there is no reference."""
    return np.full(shape, GREY, dtype=np.uint8)


def collate(pairs: Sequence[Pair], device: str = "cpu") -> Batch:
    """Stack pairs of equal patch size into one batch on ``device``."""
    import torch

    def images(arrays: Sequence[npt.NDArray[np.uint8]]) -> Tensor:
        stacked = torch.from_numpy(np.stack(arrays)).to(device)
        return stacked.permute(0, 3, 1, 2).contiguous().float().div_(255.0)

    layers = max((len(p.truth.homographies) for p in pairs if p.truth is not None), default=1)
    matrices = np.tile(np.eye(3), (len(pairs), layers, 1, 1))
    layer = np.full((len(pairs), pairs[0].lr.shape[0] * pairs[0].lr.shape[1]), HIDDEN)
    for number, pair in enumerate(pairs):
        if pair.truth is not None:
            matrices[number, : len(pair.truth.homographies)] = pair.truth.homographies
            layer[number] = pair.truth.layer.reshape(-1)
    refs = torch.stack(
        [images(list(column)) for column in zip(*((p.ref, *p.others) for p in pairs), strict=True)], dim=1
    )
    return Batch(
        hr=images([p.hr for p in pairs]),
        lr=images([p.lr for p in pairs]),
        ref=refs[:, 0],
        homographies=torch.from_numpy(matrices).float().to(device),
        layer=torch.from_numpy(layer).to(device),
        refs=refs,
    )
