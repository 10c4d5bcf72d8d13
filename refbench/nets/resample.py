"""PIL bicubic resampling of tensors, as the official data pipelines do it on 8-bit images."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_uint8(image: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(3, H, W) float in [0, 1] -> (H, W, 3) uint8, rounded to nearest."""
    hwc = image.detach().clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0)
    array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = hwc.cpu().numpy()
    return array


def from_uint8(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.array(array)).permute(2, 0, 1).to(torch.float32).div_(255)


def pil_bicubic(image: Tensor, height: int, width: int) -> Tensor:
    """Resize (3, H, W) in [0, 1] to (3, height, width) by way of uint8; a=-0.5, antialiased.

    The official pipelines upsample the 8-bit LR with PIL before the extractor sees it; the rounding
    to 8 bits is part of the protocol. The result is on the device of ``image``.
    """
    picture = Image.fromarray(to_uint8(image), mode=None).resize((width, height), Image.Resampling.BICUBIC)
    return from_uint8(np.asarray(picture)).to(image.device)
