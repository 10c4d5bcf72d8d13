"""One training pair and how a batch of them becomes tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from .homography import Matrix

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 4
KINDS = ("similar", "unrelated", "absent")
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
    homography: Matrix | None
    """HR position -> reference position (edge coordinates, HR pixels); None without a true match."""


@dataclass(frozen=True)
class Batch:
    """Float32 RGB in [0, 1]: hr and ref (B, 3, P, P), lr (B, 3, P/4, P/4); homography (B, 3, 3).

    ``matched`` (B,) is False where the reference shows another scene; its homography is then the identity.
    """

    hr: Tensor
    lr: Tensor
    ref: Tensor
    homography: Tensor
    matched: Tensor


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

    matrices = np.stack([np.eye(3) if p.homography is None else p.homography for p in pairs])
    return Batch(
        hr=images([p.hr for p in pairs]),
        lr=images([p.lr for p in pairs]),
        ref=images([p.ref for p in pairs]),
        homography=torch.from_numpy(matrices).float().to(device),
        matched=torch.tensor([p.homography is not None for p in pairs], device=device),
    )
