"""Modulated deformable convolution v2 for 3x3 kernels, stride 1, padding 1."""

from __future__ import annotations

import torch
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
    if torch.is_grad_enabled() and source.device.type == "cpu":
        return sampled_deform_conv(source, offset, mask, weight, bias, groups)
    height, width = offset.shape[2:]
    source_height, source_width = source.shape[2:]
    if (height, width) == (source_height, source_width):
        out: Tensor = deform_conv2d(source, offset, weight, bias, 1, 1, 1, mask)
        return out
    if height < source_height and width == source_width and not torch.is_grad_enabled():
        return _fewer_rows(source, offset, mask, weight, bias)
    # torchvision ties the output size to the source's. Zeros beyond the border are what sampling
    # outside gives anyway, and offsets of rows that are cut off again do not matter.
    common_height, common_width = max(height, source_height), max(width, source_width)
    source = F.pad(source, (0, common_width - source_width, 0, common_height - source_height))
    grown = (0, common_width - width, 0, common_height - height)
    out = deform_conv2d(source, F.pad(offset, grown), weight, bias, 1, 1, 1, F.pad(mask, grown))
    return out[:, :, :height, :width]


def _fewer_rows(source: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """:func:`deform_conv` for a band of rows, with columns for those rows only.

    The operator's output has as many rows as its stride leaves of the source. So the stride is chosen by
    the number of rows, zeros below the source make it fit, and offsets undo what the stride does to the
    sampling points: equal up to one more rounding of a coordinate.
    """
    rows, tall = offset.shape[2], source.shape[2]
    stride = max(1, -(-(tall - 3) // max(rows - 1, 1))) if rows > 1 else max(tall, 3)
    wanted = max((rows - 1) * stride + 3, 3) if rows > 1 else max(tall, 3)
    source = F.pad(source, (0, 0, 0, wanted - tall))
    y = torch.arange(rows, dtype=offset.dtype, device=offset.device).view(1, 1, rows, 1)
    pairs = offset.reshape(offset.shape[0], -1, 2, *offset.shape[2:])
    # row r of the band is meant to sample around r - 1, and would sample around r * stride
    shifted = torch.stack((pairs[:, :, 0] + (y * (1 - stride) - 1), pairs[:, :, 1]), dim=2)
    out: Tensor = deform_conv2d(
        source, shifted.reshape(offset.shape), weight, bias, (stride, 1), (0, 1), 1, mask
    )
    return out


def sampled_deform_conv(
    source: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, groups: int
) -> Tensor:
    """:func:`deform_conv` by bilinear sampling and one matrix product, equal up to rounding.

    On the CPU torchvision's operator has a backward pass of one scalar loop: this one is five times
    faster, which is what training there costs. It keeps the nine sampled copies, which inference need not
    (see refbench.nets.deform_gather).
    """
    batch, channels, source_height, source_width = source.shape
    height, width = offset.shape[2:]
    offset = offset.reshape(batch * groups, 9, 2, height, width)
    taps = torch.arange(-1, 2, dtype=offset.dtype, device=offset.device)
    y = offset[:, :, 0] + taps.repeat_interleave(3).view(1, 9, 1, 1)
    x = offset[:, :, 1] + taps.repeat(3).view(1, 9, 1, 1)
    y = y + torch.arange(height, dtype=offset.dtype, device=offset.device).view(1, 1, height, 1)
    x = x + torch.arange(width, dtype=offset.dtype, device=offset.device).view(1, 1, 1, width)
    # edge convention (align_corners=False), which is defined for a source of one pixel as well
    grid = torch.stack(((2 * x + 1) / source_width - 1, (2 * y + 1) / source_height - 1), dim=-1)
    sampled = F.grid_sample(
        source.reshape(batch * groups, channels // groups, source_height, source_width),
        grid.view(batch * groups, 9 * height, width, 2),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    sampled = sampled.view(batch, groups, channels // groups, 9, height, width)
    sampled = sampled * mask.reshape(batch, groups, 1, 9, height, width)
    columns = sampled.reshape(batch, channels * 9, height * width)
    out = (weight.flatten(1) @ columns).view(batch, -1, height, width)
    return out + bias.view(1, -1, 1, 1)
