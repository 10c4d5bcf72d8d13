"""An SR image that another program made: read, checked, brought to the size that a method returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from refbench.errors import SampleError
from refbench.imaging import read_image
from refbench.types import Image, Input


def read_foreign_sr(path: Path, inp: Input) -> Image:
    """uint8 RGB of scale times the LR size. Raises SampleError for another size or an unreadable file.

    An image of the scored part alone (``inp.sr_cut``: official codes crop their padding off before they
    save) is put back in its place; what surrounds it repeats its edge and is never scored. Where the protocol
    resizes SR to HR (``inp.sr_fit``) any size goes on as it is, and is judged there.
    """
    sr = read_image(path)
    full = (int(inp.lr.shape[1]) * inp.scale, int(inp.lr.shape[2]) * inp.scale)
    size = (sr.shape[0], sr.shape[1])
    if size == full or inp.sr_fit is not None:
        return sr
    top, left, height, width = inp.sr_cut or (0, 0, *full)
    if size != (height, width):
        raise SampleError(f"{path}: is {size[1]}x{size[0]}, expected {width}x{height}")
    margins = ((top, full[0] - top - height), (left, full[1] - left - width), (0, 0))
    placed: Image = np.pad(sr, margins, mode="edge")
    return placed
