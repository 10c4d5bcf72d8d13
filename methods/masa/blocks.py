"""How MASA cuts an LR image into blocks and lays a search window around each block's coarse match."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST_BLOCK = 8
"""LR pixels a side; the coarse samples of dilation 3 reach three pixels from a block's centre."""


@dataclass(frozen=True)
class Blocks:
    """``rows`` x ``columns`` blocks of ``height`` x ``width`` LR pixels, numbered row by row."""

    rows: int
    columns: int
    height: int
    width: int

    @property
    def count(self) -> int:
        """N, the number of blocks."""
        return self.rows * self.columns

    def assemble(self, tiles: Tensor, scale: int = 1) -> Tensor:
        """Blocks (B, N, C, s*height, s*width) side by side: (B, C, s*H, s*W)."""
        batch, _, channels = tiles.shape[:3]
        tall, wide = self.height * scale, self.width * scale
        grid = tiles.view(batch, self.rows, self.columns, channels, tall, wide)
        return grid.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, self.rows * tall, self.columns * wide)


def _along(length: int, block: int, axis: str) -> tuple[int, int]:
    """(count, size) of the blocks along one axis."""
    count = length // block
    if count == 0 or length % 4 or length % count:
        raise ValueError(
            f"LR {axis} {length} cannot be cut into blocks: give a multiple of {block} (padding does it)"
        )
    return count, length // count


def cut_blocks(height: int, width: int, block: int = SMALLEST_BLOCK) -> Blocks:
    """The blocks of an LR image of ``height`` x ``width`` (spec 1.4: px = W // 8, kx = W // px).

    ValueError for sides that are not multiples of 4 or of their number of blocks.
    """
    if block < SMALLEST_BLOCK:
        raise ValueError(f"block {block} is smaller than {SMALLEST_BLOCK}")
    (rows, tall), (columns, wide) = _along(height, block, "height"), _along(width, block, "width")
    return Blocks(rows, columns, tall, wide)


@dataclass(frozen=True)
class Window:
    """Search windows along one axis of the reference: all of one size, each somewhere inside it."""

    length: int
    """Feature pixels of the reference along this axis."""
    diameter: int
    """Patch positions in a window; it is two pixels longer."""

    @property
    def side(self) -> int:
        """Feature pixels of a window."""
        return self.diameter + 2

    def start(self, centre: Tensor) -> Tensor:
        """First pixel of the windows around ``centre`` (int64), pushed inside the reference."""
        return (centre - self.diameter // 2 - 1).clamp(0, self.length - self.side)


def window(length: int, count: int, spread: float = 1.5) -> Window:
    """The windows along an axis of ``length`` reference pixels for ``count`` blocks.

    diameter = 2 * int(length // (2 * count) * spread) + 1. A window that would be longer than the
    reference is all of it; the official code takes negative starts there, which wrap around.
    ValueError when not even one 3-pixel patch fits.
    """
    if length < 3:
        raise ValueError(f"a reference of {length} feature pixels a side has no 3x3 patch")
    wanted = 2 * int(length // (2 * count) * spread) + 1
    return Window(length, min(wanted, length - 2))


def overlaps(size: int, device: torch.device) -> Tensor:
    """How many of the 3-wide patches around ``size`` positions cover each of them: 2, 3, .., 3, 2."""
    covered = torch.full((size,), 3.0, device=device)
    covered[0] -= 1
    covered[-1] -= 1
    return covered
