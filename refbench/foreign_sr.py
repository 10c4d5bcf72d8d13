"""An SR image that another program made: read, checked, brought to the size that a method returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refbench.errors import SampleError
from refbench.imaging import read_image
from refbench.types import Image, Input


def read_foreign_sr(path: Path, inp: Input) -> Image:
    """uint8 RGB of scale times the LR size. Raises SampleError for another size or an unreadable file.

    An image of the official size (the crop that will be scored) is accepted: its margin is filled by
    repeating the edge, and the caller crops it off again.
    """
    sr = read_image(path)
    full = (int(inp.lr.shape[1]) * inp.scale, int(inp.lr.shape[2]) * inp.scale)
    size = (sr.shape[0], sr.shape[1])
    if size == full:
        return sr
    if size != inp.official_size or size[0] > full[0] or size[1] > full[1]:
        raise SampleError(f"{path}: is {size[1]}x{size[0]}, expected {full[1]}x{full[0]}")
    grown: Image = np.pad(sr, ((0, full[0] - size[0]), (0, full[1] - size[1]), (0, 0)), mode="edge")
    return grown
