"""The figure as PDF and PNG, drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from refbench.types import Image
from refbench.untrusted.escape import printable

from ..pictures import ERROR_RANGE, error_map
from ..style import FigureStyle
from .blocks import Block, Tile
from .layout import GAP, Layout, layout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOX_COLOUR = "#E60000"
ENLARGED = 240
"""Pixels: patches are enlarged to about this by whole factors, so that viewers do not smooth them."""
DPI = 200


def crops_files(blocks: Sequence[Block], style: FigureStyle) -> dict[str, bytes]:
    """``pdf`` and ``png`` of the blocks, one below the other; the same blocks give the same bytes."""
    import matplotlib

    files = {}
    with matplotlib.rc_context(style.settings()):
        figure = _draw(blocks, style)
        for suffix, metadata in (("pdf", {"CreationDate": None}), ("png", {"Software": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, dpi=DPI, metadata=metadata)
            files[suffix] = buffer.getvalue()
    return files


def _draw(blocks: Sequence[Block], style: FigureStyle) -> Figure:
    from matplotlib.figure import Figure

    layouts = [layout(block, style.text, style.points) for block in blocks]
    height = sum(found.height for found in layouts) + GAP * (len(blocks) + 1)
    figure = Figure(figsize=(style.text, height))
    top = height - GAP
    for block, found in zip(blocks, layouts, strict=True):
        _block(figure, block, found, top, style)
        top -= found.height + GAP
    return figure


def _block(figure: Figure, block: Block, found: Layout, top: float, style: FigureStyle) -> None:
    from matplotlib.patches import Rectangle

    wide, high = found.whole
    free = found.height - found.label - high
    whole = _image(figure, block.whole, (GAP, top - high - free / 2, wide, high), "antialiased")
    y, x, box_height, box_width = block.box
    whole.add_patch(
        Rectangle((x - 0.5, y - 0.5), box_width, box_height, fill=False, edgecolor=BOX_COLOUR, linewidth=1.2)
    )
    _text(figure, GAP + wide / 2, top - high - free / 2, found.title, style)
    for k, tile in enumerate(block.tiles):
        row, column = divmod(k, found.columns)
        left = 2 * GAP + wide + column * (found.tile[0] + GAP)
        _tile(figure, tile, found, (left, top - row * found.row), style, k)


def _tile(
    figure: Figure, tile: Tile, found: Layout, corner: tuple[float, float], style: FigureStyle, number: int
) -> None:
    (left, top), (wide, high) = corner, found.tile
    _image(figure, enlarged(tile.image), (left, top - high, wide, high), "none")
    _text(figure, left + wide / 2, top - high, found.names[number], style)
    below = top - high - found.label - high
    if tile.error is not None:
        _image(figure, enlarged(tile.error), (left, below, wide, high), "none")
    elif number == 0 and found.row > 2 * high:
        _scale(figure, left, below, wide, high, style)


def _scale(figure: Figure, left: float, bottom: float, wide: float, high: float, style: FigureStyle) -> None:
    """What the colours of the maps mean."""
    levels = np.repeat(np.arange(ERROR_RANGE + 1, dtype=np.uint8)[None, :, None], 3, axis=2)
    bar = error_map(levels, np.zeros_like(levels))
    _image(figure, bar, (left, bottom + 0.45 * high, wide, 0.2 * high), "nearest", stretched=True)
    _text(figure, left + wide / 2, bottom + 0.45 * high, [f"error 0 to {ERROR_RANGE}"], style)


def _image(
    figure: Figure,
    image: Image,
    place: tuple[float, float, float, float],
    interpolation: str,
    stretched: bool = False,
) -> Any:
    width, height = figure.get_size_inches()
    left, bottom, wide, high = place
    axes = figure.add_axes((left / width, bottom / height, wide / width, high / height))
    axes.imshow(image, interpolation=interpolation, aspect="auto" if stretched else "equal")
    axes.set_axis_off()
    return axes


def _text(figure: Figure, x: float, top: float, lines: Sequence[str], style: FigureStyle) -> None:
    width, height = figure.get_size_inches()
    for k, line in enumerate(lines):
        y = top - (k * 1.15 + 0.2) * style.points / 72
        figure.text(x / width, y / height, printable(line), ha="center", va="top", fontsize=style.points)


def enlarged(image: Image) -> Image:
    """The image by the whole factor that brings its longer side near ENLARGED, without smoothing."""
    factor = max(1, ENLARGED // max(image.shape[:2]))
    return np.ascontiguousarray(image.repeat(factor, axis=0).repeat(factor, axis=1))
