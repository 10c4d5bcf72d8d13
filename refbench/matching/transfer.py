"""TTSR's hard texture transfer: copy the matched reference patches and average where they overlap.

Methods specification 1.3: unfold V at three levels (3, 6, 12 pixels wide at stride 1, 2, 4 and zero
padding 1, 2, 4), gather the columns by index, fold to the LR size, divide by 9 everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from refbench.tiling.windows import Window

SCALES: tuple[int, ...] = (1, 2, 4)
"""Level factors over the matched level: V3, V2, V1."""
TAPS = 9


def transfer(value: Tensor, index: Tensor, *, scale: int) -> Tensor:
    """Fold of the matched 3x3-position patches of ``value``, divided by 9: (B, C, scale*h, scale*w).

    value: (B, C, scale*hr, scale*wr), reference features at ``scale`` times the matched level; index: int64
    (B, h, w), row-major over the (hr, wr) grid of zero-padded patches. Border pixels have fewer than nine
    contributions and come out darker, as in the official code. Positions with index -1 contribute zero.

    One gather-and-sum replaces unfold and fold: a pixel's value is the sum of nine runs of ``scale`` pixels,
    which in channels-last memory are rows of a table; the columns (9 times the output) are never built.
    """
    batch, channels, value_height, value_width = value.shape
    height, width = index.shape[-2:]
    rows, columns = value_height // scale, value_width // scale
    if (rows * scale, columns * scale) != (value_height, value_width):
        raise ValueError(f"value {tuple(value.shape)} is not a multiple of scale {scale}")
    if index.shape[0] != batch:
        raise ValueError(f"index {tuple(index.shape)} and value {tuple(value.shape)} differ in batch")
    # no copy where the value is in channels-last memory already
    table = value.permute(0, 2, 3, 1).reshape(batch, value_height * columns, scale * channels)
    lines = torch.arange(scale, device=index.device).view(1, scale, 1, 1) * columns
    out = []
    for b in range(batch):
        place, inside = _sources(index[b], rows, columns)
        # block (y, x) of the value starts at row y * scale * columns + x of the table
        first = (torch.div(place, columns, rounding_mode="floor") * (scale - 1) * columns + place)[:, None]
        bags = (first + lines).view(-1, TAPS)
        weights = inside[:, None].expand(height, scale, width, TAPS).reshape(-1, TAPS).to(value.dtype)
        summed = functional.embedding_bag(bags, table[b], mode="sum", per_sample_weights=weights)
        out.append(summed.div_(9.0).view(height * scale, width * scale, channels))
    return torch.stack(out).permute(0, 3, 1, 2)


def swap(value: Tensor, index: Tensor, width: int, *, scale: int, window: Window | None = None) -> Tensor:
    """Fold of matched patches without padding, divided by how many there are: (B, C, scale*h, scale*w).

    As :func:`transfer`, for a search without padding (SRNTT, section 3.2): ``index`` (B, h-2, w-2) is
    row-major over the patches of the reference, ``width`` of them in a row. ``window``: the part of the
    result to compute; of its rim, one position wide, inner sides are not exact.
    """
    height, across = index.shape[1] + 2, index.shape[2] + 2
    row = torch.div(index, width, rounding_mode="floor")
    # the patch whose top left is (y, x) has its centre at (y + 1, x + 1) of a grid that is two wider
    centre = (row + 1) * (width + 2) + (index - row * width) + 1
    grown = functional.pad(centre, (1, 1, 1, 1), value=-1)
    count = torch.outer(_overlaps(height, value.device), _overlaps(across, value.device)).to(value.dtype)
    if window is not None:
        coarse = Window(
            window.top // scale, window.left // scale, -(-window.bottom // scale), -(-window.right // scale)
        )
        grown, count = coarse.of(grown), coarse.of(count)
        cut = window.within(coarse.times(scale))
    weight = (TAPS / count).repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    found = transfer(value, grown, scale=scale) * weight
    return found if window is None else cut.of(found)


def _overlaps(length: int, device: torch.device) -> Tensor:
    """How many of the unpadded 3-wide patches of a line cover each of its positions."""
    place = torch.arange(length, device=device)
    first = (place - 2).clamp(min=0)
    last = place.clamp(max=length - 3)
    return last - first + 1


def _sources(index: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """(place, inside), each (h, w, 9): the reference blocks that add up at each position of ``index`` (h, w).

    Tap (i, j) of the patch at p - (i - 1, j - 1) lies on p. Where that patch or its block is beyond a
    border, or the patch has no match, ``inside`` is False and ``place`` 0.
    """
    height, width = index.shape
    grown = functional.pad(index, (1, 1, 1, 1), value=-1)
    place, inside = [], []
    for i in range(3):
        for j in range(3):
            patch = grown[2 - i : 2 - i + height, 2 - j : 2 - j + width]
            y = torch.div(patch, columns, rounding_mode="floor")
            x = patch - y * columns + (j - 1)
            y = y + (i - 1)
            real = (patch >= 0) & (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
            place.append(torch.where(real, y * columns + x, 0))
            inside.append(real)
    return torch.stack(place, dim=-1), torch.stack(inside, dim=-1)
