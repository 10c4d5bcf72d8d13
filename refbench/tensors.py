"""The two representations of an image, and the exact way between them.

uint8 -> float32 -> uint8 returns the same bytes: the LR that a protocol made on 8 bits reaches a
method that works on 8 bits unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from refbench.types import Image

if TYPE_CHECKING:
    from torch import Tensor


def to_tensor(image: Image) -> Tensor:
    """uint8 (H, W, 3) -> float32 (3, H, W) in [0, 1], contiguous, sharing no memory with ``image``."""
    import torch

    channels_first = np.ascontiguousarray(image.transpose(2, 0, 1))
    return torch.from_numpy(channels_first).to(torch.float32) / 255.0


def to_image(tensor: Tensor) -> Image:
    """float (3, H, W) -> uint8 (H, W, 3): clamp to [0, 1], times 255, round half to even.

    Raises ValueError for another shape or for NaN, which has no grey value.
    """
    import torch

    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise ValueError(f"expected an image tensor of shape (3, H, W), got {tuple(tensor.shape)}")
    values = tensor.detach().to("cpu", torch.float32)
    if bool(torch.isnan(values).any()):
        raise ValueError("the image tensor contains NaN")
    grey = values.clamp(0.0, 1.0).mul(255.0).round().to(torch.uint8)
    image: Image = np.ascontiguousarray(grey.permute(1, 2, 0).numpy())
    return image
