"""Writes the figure of crops into a report folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from refbench.registry import Registry

from ..files import put
from ..options import PrintOptions
from ..report import Report
from ..selection import Names
from .blocks import make_blocks
from .choose import parse_crops
from .draw import crops_files
from .tex import caption_of, crops_tex


def write_crops(
    report: Report,
    folder: Path,
    options: PrintOptions,
    data_root: str | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write ``crops.pdf``, ``crops.png`` and ``crops.tex`` with its pictures; returns the first three."""
    names = Names(Registry.discover(), options.selection.names)
    blocks, left_out = make_blocks(
        options.selection.of(report.cells),
        report.metric,
        parse_crops(options.crop),
        names,
        difference=options.difference,
        data_root=data_root,
    )
    for line in left_out:
        note(line)
    shown = f'crop="{";".join(block.words for block in blocks)}"'
    for block in blocks:
        if block.how:
            note(f"crops of {block.sample}: {block.how}; {shown} shows the same again")
    written = [
        put(folder, f"crops.{suffix}", data) for suffix, data in crops_files(blocks, options.style).items()
    ]
    caption = caption_of(blocks)
    for name, data in crops_tex(blocks, options.style, caption).items():
        path = put(folder, name, data)
        if "/" not in name:
            written.append(path)
    return written
