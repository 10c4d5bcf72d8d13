"""Where the parts of a block stand, in inches: the same for the drawing and for LaTeX."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass

from refbench.untrusted.escape import printable

from .blocks import Block

GAP = 0.04
"""Between patches."""
LETTER = 0.56
"""Mean width of a letter in units of its size, somewhat generous."""
IN_A_ROW = 8
"""Most patches of one row where difference maps stand below them."""
MOST_WHOLE = 0.42
"""Largest share of the width that the whole image gets."""


@dataclass(frozen=True)
class Layout:
    """Sizes of one block."""

    rows: int
    columns: int
    tile: tuple[float, float]
    """Width and height of a patch."""
    whole: tuple[float, float]
    """Width and height of the whole image."""
    title: tuple[str, ...]
    """The lines under the whole image."""
    names: tuple[tuple[str, ...], ...]
    """The lines under each patch: its name, in as many lines as its width asks for, and its PSNR."""
    label: float
    """Height of the lines under a patch; difference maps stand below them."""
    row: float
    """Height of a row of patches, with lines and difference maps."""
    height: float
    """Of the block."""


def layout(block: Block, width: float, points: float) -> Layout:
    """The largest patches with which whole image and grid fill ``width``."""
    lines = 2
    while True:
        found = _laid_out(block, width, points, lines)
        needed = max(len(own) for own in found.names)
        if needed <= lines:
            return found
        lines = needed


def _laid_out(block: Block, width: float, points: float, lines: int) -> Layout:
    count = len(block.tiles)
    mapped = any(tile.error is not None for tile in block.tiles)
    rows = 1 if count <= (IN_A_ROW if mapped else 3) else 2
    columns = math.ceil(count / rows)
    label = (lines * 1.15 + 0.5) * points / 72
    maps = 2 if mapped else 1
    patch = block.box[2] / block.box[3]
    image = block.whole.shape[1] / block.whole.shape[0]

    def row_height(tile: float) -> float:
        return maps * tile * patch + (maps - 1) * GAP + label

    # whole = (rows * row_height(tile) - label) * image, and whole + gap + columns * (tile + gap) = width
    room = width - (columns + 2) * GAP
    fixed = (rows * ((maps - 1) * GAP + label) - label) * image
    tile = (room - fixed) / (columns + rows * maps * patch * image)
    whole = (rows * row_height(tile) - label) * image
    if whole > MOST_WHOLE * width or tile <= 0:
        whole = MOST_WHOLE * width
        tile = (room - whole) / columns
    letters = max(6, int((tile + GAP) * 72 / (LETTER * points)))
    names = tuple(
        (*textwrap.wrap(printable(t.name), letters, break_on_hyphens=False), *([t.score] if t.score else []))
        for t in block.tiles
    )
    title = textwrap.wrap(
        printable(f"{block.dataset}, image {block.sample}"),
        max(6, int(whole * 72 / (LETTER * points))),
        break_on_hyphens=False,
    )
    return Layout(
        rows,
        columns,
        (tile, tile * patch),
        (whole, whole / image),
        tuple(title),
        names,
        label,
        row_height(tile),
        max(rows * row_height(tile), whole / image + max(label, (len(title) * 1.15 + 0.5) * points / 72)),
    )
