"""Modulated deformable convolution v2 for 3x3 kernels, stride 1, padding 1."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import deform_conv2d


def deform_conv(
    source: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, groups: int
) -> Tensor:
    """(B, O, H, W) from ``source`` (B, C, h, w); h, w may differ from H, W.

    ``offset`` (B, 18*groups, H, W): y at 18g+2k, x at 18g+2k+1 for tap k = 3*ky+kx; ``mask``
    (B, 9*groups, H, W). Tap (ky, kx) of pixel (y, x) samples (y-1+ky+off_y, x-1+kx+off_x) bilinearly,
    zero outside ``source``. ``weight``: (O, C, 3, 3).
    """
    height, width = offset.shape[2:]
    source_height, source_width = source.shape[2:]
    if (height, width) == (source_height, source_width):
        out: Tensor = deform_conv2d(source, offset, weight, bias, 1, 1, 1, mask)
        return out
    # torchvision ties the output size to the source's. Zeros beyond the border are what sampling
    # outside gives anyway, and offsets of rows that are cut off again do not matter.
    common_height, common_width = max(height, source_height), max(width, source_width)
    source = F.pad(source, (0, common_width - source_width, 0, common_height - source_height))
    grown = (0, common_width - width, 0, common_height - height)
    out = deform_conv2d(source, F.pad(offset, grown), weight, bias, 1, 1, 1, F.pad(mask, grown))
    return out[:, :, :height, :width]
