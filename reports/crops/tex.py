"""The figure for LaTeX: the patches as pictures, names and numbers as text of the paper's own letters."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image as PilImage

from refbench.types import Image

from ..latex_text import latex_note, latex_text
from ..style import FigureStyle
from .blocks import Block, Tile
from .draw import enlarged
from .layout import Layout, layout

FILE = "crops.tex"
_HEAD = r"""% made by refbench report format=crops; needs graphicx
% \def\refbenchcrops{FOLDER} before \input says where the pictures are
\providecommand{\refbenchcrops}{crops}
"""


def crops_tex(blocks: Sequence[Block], style: FigureStyle, caption: str) -> dict[str, bytes]:
    """File name -> contents: the figure, and its pictures below ``patches/``."""
    lines = [_HEAD + r"\begin{figure*}[t]", r"\centering\footnotesize\setlength{\tabcolsep}{0pt}"]
    files: dict[str, bytes] = {}
    for number, block in enumerate(blocks, start=1):
        found = layout(block, style.text, style.points)
        if number > 1:
            lines.append(r"\par\smallskip")
        lines += _block(block, found, style.text, f"{number}", files)
    lines += [rf"\caption{{{caption}}}", r"\label{fig:refbench-crops}", r"\end{figure*}", ""]
    return {FILE: "\n".join(lines).encode(), **files}


def _block(block: Block, found: Layout, width: float, number: str, files: dict[str, bytes]) -> list[str]:
    whole = _picture(files, f"{number}_whole", framed(block))
    whole_part, tile_part = found.whole[0] / width, found.tile[0] / width
    title = f"{latex_note(block.dataset)}, image {latex_text(block.sample)}"
    lines = [
        rf"\begin{{tabular}}[b]{{c}}\includegraphics[width={whole_part:.4f}\linewidth]{{{whole}}}\\{title}"
        r"\end{tabular}\hfill",
        rf"\begin{{tabular}}[b]{{@{{}}*{{{found.columns}}}{{c@{{\hspace{{0.006\linewidth}}}}}}@{{}}}}",
    ]
    maps = any(tile.error is not None for tile in block.tiles)
    for row in range(found.rows):
        tiles = list(enumerate(block.tiles))[row * found.columns : (row + 1) * found.columns]
        size = f"width={tile_part:.4f}" + r"\linewidth"
        lines.append(_row([_include(files, f"{number}_{k}", t.image, size) for k, t in tiles]))
        lines.append(
            _row([rf"\parbox[t]{{{tile_part:.4f}\linewidth}}{{{_label(t)}}}" for _, t in tiles], "[0.4ex]")
        )
        if maps:
            lines.append(_row([_include(files, f"{number}_{k}e", t.error, size) for k, t in tiles]))
    return [*lines, r"\end{tabular}"]


def _row(cells: Sequence[str], below: str = "") -> str:
    return " & ".join(cells) + r" \\" + below


def _label(tile: Tile) -> str:
    score = rf"\\{tile.score}" if tile.score else ""
    return rf"\centering {latex_note(tile.name)}{score}\par"


def _include(files: dict[str, bytes], name: str, image: Image | None, size: str) -> str:
    return "" if image is None else rf"\includegraphics[{size}]{{{_picture(files, name, enlarged(image))}}}"


def _picture(files: dict[str, bytes], name: str, image: Image) -> str:
    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG")
    files[f"patches/{name}.png"] = buffer.getvalue()
    return rf"\refbenchcrops/patches/{name}.png"


def framed(block: Block) -> Image:
    """The whole image with the box drawn around the crop."""
    image = block.whole.copy()
    top, left, height, width = block.box
    line = max(1, min(image.shape[:2]) // 150)
    red = (230, 0, 0)
    above, before = max(0, top - line), max(0, left - line)
    bottom, right = top + height, left + width
    image[above:top, before : right + line] = red
    image[bottom : bottom + line, before : right + line] = red
    image[above : bottom + line, before:left] = red
    image[above : bottom + line, right : right + line] = red
    return image


def caption_of(blocks: Sequence[Block]) -> str:
    """The caption in words, as LaTeX."""
    sentences = ["Crops at the place of the red box. "]
    if any(tile.score for block in blocks for tile in block.tiles):
        sentences.append("Numbers are the PSNR of the patch on Y in dB, its borders included. ")
    if any(tile.error is not None for block in blocks for tile in block.tiles):
        sentences.append("Below the patches: mean absolute difference to HR. ")
    ways = {block.how for block in blocks if block.how}
    named = "Image and place" if len(blocks) == 1 else "Images and places"
    for how in sorted(ways):
        sentences.append(how[0].upper() + how[1:] + ". ")
    if any(not block.how for block in blocks):
        sentences.append(f"{named} chosen by the authors. " if not ways else "Other places by the authors. ")
    sentences += [f"{text}. " for text in dict.fromkeys(b.reference for b in blocks if b.reference)]
    protocols = list(dict.fromkeys(block.protocol for block in blocks))
    return latex_note("".join(sentences) + f"Protocol: {', '.join(protocols)}.")
