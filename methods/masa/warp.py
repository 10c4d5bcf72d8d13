"""MASA's feature warping: the matched patches of each block, averaged where they overlap, weighted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.matching.transfer import transfer

from .blocks import Blocks, overlaps
from .search import Geometry


def centres(index: Tensor, place: Geometry, y: Tensor, x: Tensor) -> Tensor:
    """Centres of the matched patches on the reference, row-major over Hr x Wr: (B, N, height, width).

    ``index`` counts positions inside windows whose top-left pixels are ``y``, ``x`` (B, N).
    """
    row = torch.div(index, place.across.diameter, rounding_mode="floor")
    column = index - row * place.across.diameter
    return (row + y[:, :, None, None] + 1) * place.across.length + column + x[:, :, None, None] + 1


def warp(value: Tensor, centre: Tensor, similarity: Tensor, blocks: Blocks, scale: int) -> Tensor:
    """Reference features at the LR image's pixels: (B, C, s*H, s*W).

    value (B, C, s*Hr, s*Wr); centre (-1: no patch) and similarity (B, N, height, width). Patches are 3
    positions of ``scale`` x ``scale`` pixels wide; they are folded within their block only, divided by their
    true number and multiplied by the bilinearly enlarged similarity of the block.
    """
    batch, channels = value.shape[:2]
    tall, wide = blocks.height, blocks.width
    # one empty row and column after each block catch what its patches spill over its border: the shared
    # transfer then folds all blocks in one pass without mixing them
    apart = blocks_apart(centre, blocks)
    spread = transfer(value, apart, scale=scale)
    grid = spread.view(batch, channels, blocks.rows, (tall + 1) * scale, blocks.columns, (wide + 1) * scale)[
        :, :, :, : tall * scale, :, : wide * scale
    ]
    enlarged = similarity.view(batch * blocks.count, 1, tall, wide)
    if scale > 1:
        enlarged = F.interpolate(enlarged, scale_factor=scale, mode="bilinear", align_corners=False)
    # the transfer divides by 9, TTSR's constant; here by how many patches there are
    down, across = overlaps(tall, value.device), overlaps(wide, value.device)
    count = torch.outer(down, across).repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    weighted = (enlarged * (9.0 / count)).view(batch, blocks.count, 1, tall * scale, wide * scale)
    weight = blocks.assemble(weighted, scale)
    height, width = blocks.rows * tall * scale, blocks.columns * wide * scale
    return grid.reshape(batch, channels, height, width) * weight


def blocks_apart(centre: Tensor, blocks: Blocks) -> Tensor:
    """The map of ``centre`` with -1 between blocks: (B, rows * (height + 1), columns * (width + 1))."""
    padded = F.pad(centre, (0, 1, 0, 1), value=-1)[:, :, None]
    wider = Blocks(blocks.rows, blocks.columns, blocks.height + 1, blocks.width + 1)
    return wider.assemble(padded)[:, 0]
