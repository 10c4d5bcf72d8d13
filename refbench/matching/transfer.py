"""TTSR's hard texture transfer: copy the matched reference patches and average where they overlap.

Methods specification 1.3: unfold V at three levels (3, 6, 12 pixels wide at stride 1, 2, 4 and zero
padding 1, 2, 4), gather the columns by index, fold to the LR size, divide by 9 everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SCALES: tuple[int, ...] = (1, 2, 4)
"""Level factors over the matched level: V3, V2, V1."""


def transfer(value: Tensor, index: Tensor, *, scale: int) -> Tensor:
    """Fold of the matched 3x3-position patches of ``value``, divided by 9: (B, C, scale*h, scale*w).

    value: (B, C, scale*hr, scale*wr), reference features at ``scale`` times the matched level; index: int64
    (B, h, w), row-major over the (hr, wr) grid of zero-padded patches. Border pixels have fewer than nine
    contributions and come out darker, as in the official code. Positions with index -1 contribute zero.

    Nine gathers of pixel blocks replace unfold and fold: tap (i, j) of a patch is one ``scale`` x ``scale``
    block, so the columns (9 times the output) are never built.
    """
    batch, channels, value_height, value_width = value.shape
    height, width = index.shape[-2:]
    rows, columns = value_height // scale, value_width // scale
    if (rows * scale, columns * scale) != (value_height, value_width):
        raise ValueError(f"value {tuple(value.shape)} is not a multiple of scale {scale}")
    if index.shape[0] != batch:
        raise ValueError(f"index {tuple(index.shape)} and value {tuple(value.shape)} differ in batch")
    # blocks as rows of a table; rows and columns around the map are the zero padding
    wide = columns + 2
    blocks = value.view(batch, channels, rows, scale, columns, scale).permute(0, 2, 4, 1, 3, 5)
    table = functional.pad(blocks.reshape(batch, rows, columns, -1), (0, 0, 1, 1, 1, 1))
    table = table.reshape(batch, (rows + 2) * wide, -1)
    y = torch.div(index, columns, rounding_mode="floor")
    corner = y * wide + (index - y * columns)
    out = table.new_empty(batch, height, width, table.shape[-1])
    for b in range(batch):
        total = out[b].zero_()
        matched = (index[b] >= 0)[..., None]
        for i in range(3):
            for j in range(3):
                # pixel p is tap (i, j) of the patch at p - (i - 1, j - 1)
                y0, y1 = max(i - 1, 0), height + min(i - 1, 0)
                x0, x1 = max(j - 1, 0), width + min(j - 1, 0)
                if y1 <= y0 or x1 <= x0:
                    continue
                source = slice(y0 - i + 1, y1 - i + 1), slice(x0 - j + 1, x1 - j + 1)
                known = matched[source]
                # position -1 decodes below the table; the corner of the zero padding stands in for it
                place = torch.where(known[..., 0], corner[b][source] + (i * wide + j), 0)
                picked = table[b].index_select(0, place.reshape(-1)).view(*place.shape, -1)
                total[y0:y1, x0:x1] += picked
    out = out.div_(9.0).view(batch, height, width, channels, scale, scale)
    return out.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, height * scale, width * scale)
