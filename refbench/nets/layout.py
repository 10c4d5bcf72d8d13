"""Memory layout of feature maps."""

from __future__ import annotations

import torch
from torch import Tensor


def fast_layout(image: Tensor) -> Tensor:
    """``image`` (B, C, H, W) in the layout that convolutions and gathers like best on its device.

    On the CPU that is channels-last: oneDNN's convolutions are 5 to 40 % faster, window attention reads
    tokens without a copy, and a pixel's channels are one row of a gather table. What follows keeps it.
    """
    return image.contiguous(memory_format=torch.channels_last) if image.device.type == "cpu" else image
