"""Warping of feature maps by a flow in pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def flow_warp(feature: Tensor, flow: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
    """Sample ``feature`` (B, C, h, w) at grid + ``flow`` (B, H, W, 2; x then y, pixels); zero outside.

    The output is (B, C, H, W); h, w may differ from H, W. Bilinear with align_corners=True, so an
    integer flow copies pixels (DATSR, eq. for w(V_l, P_l)). ``origin``: (y, x) of the flow's first pixel.
    """
    height, width = flow.shape[1:3]
    source_height, source_width = feature.shape[2:]
    top, left = origin
    ys = torch.arange(top, top + height, dtype=flow.dtype, device=flow.device).view(1, height, 1)
    xs = torch.arange(left, left + width, dtype=flow.dtype, device=flow.device).view(1, 1, width)
    x = 2.0 * (flow[..., 0] + xs) / max(source_width - 1, 1) - 1.0
    y = 2.0 * (flow[..., 1] + ys) / max(source_height - 1, 1) - 1.0
    grid = torch.stack((x, y), dim=-1)
    return F.grid_sample(feature, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


def copy_by_flow(feature: Tensor, flow: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
    """:func:`flow_warp` for a flow of whole pixels, as a gather: exact and without interpolation.

    ``flow`` holds integers in any dtype. Positions outside ``feature`` give zero.
    """
    batch, channels, source_height, source_width = feature.shape
    height, width = flow.shape[1:3]
    whole = flow.round().to(torch.int64) if flow.is_floating_point() else flow.to(torch.int64)
    top, left = origin
    ys = torch.arange(top, top + height, device=flow.device).view(1, height, 1) + whole[..., 1]
    xs = torch.arange(left, left + width, device=flow.device).view(1, 1, width) + whole[..., 0]
    inside = (ys >= 0) & (ys < source_height) & (xs >= 0) & (xs < source_width)
    rows = ys.clamp(0, source_height - 1) * source_width + xs.clamp(0, source_width - 1)
    rows += torch.arange(batch, device=flow.device).view(batch, 1, 1) * (source_height * source_width)
    # one pixel's channels are contiguous in this table, so a row is one memory copy
    table = feature.permute(0, 2, 3, 1).reshape(-1, channels)
    picked = table.index_select(0, rows.reshape(-1)).view(batch, height, width, channels)
    # on a card the product is cheaper than waiting for the answer
    if feature.device.type != "cpu" or not bool(inside.all()):
        picked = picked * inside.unsqueeze(-1).to(picked.dtype)
    return picked.permute(0, 3, 1, 2)


def fit(feature: Tensor, height: int, width: int) -> Tensor:
    """Crop, or continue by replication, at the bottom and right: (B, C, h, w) -> (B, C, height, width)."""
    feature = feature[:, :, :height, :width]
    missing = (0, width - feature.shape[3], 0, height - feature.shape[2])
    return F.pad(feature, missing, mode="replicate") if any(missing) else feature


def fit_under(feature: Tensor, size: tuple[int, int], origin: tuple[int, int]) -> Tensor:
    """The part of :func:`fit` that starts at ``origin`` (y, x) and has ``size`` (H, W)."""
    height, width = feature.shape[2:]
    top, left = min(origin[0], height - 1), min(origin[1], width - 1)
    # beyond the bottom and the right all rows and columns repeat the last one
    return fit(feature[:, :, top:, left:], size[0], size[1])
