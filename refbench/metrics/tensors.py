"""From uint8 images to what learned metrics expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from refbench.types import Image

if TYPE_CHECKING:
    from torch import Tensor


def to_tensor(image: Image) -> Tensor:
    """uint8 RGB (H, W, 3) -> float32 (1, 3, H, W) in [0, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))[None]).float() / 255.0


def to_signed_tensor(image: Image) -> Tensor:
    """uint8 RGB (H, W, 3) -> float32 (1, 3, H, W) in [-1, 1]."""
    return to_tensor(image) * 2.0 - 1.0
