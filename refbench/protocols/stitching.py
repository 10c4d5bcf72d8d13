"""The official codes' ways of giving several references to a net that takes one: a tall image.

The published TTSR 27.09 and MASA 27.54 on CUFED5 were measured with five references stitched like this; one
reference gives 26.99 and 27.35. A reference larger than the code's square makes all squares as large.
"""

from __future__ import annotations

import numpy as np

from refbench.errors import SampleError
from refbench.types import Dataset, Image, Sample

TTSR_SQUARE = 500
MASA_SQUARE = 512


def _square(sample: Sample, least: int) -> int:
    if not sample.refs:
        raise SampleError(f"{sample.id}: no references to stitch")
    return max([least, *(int(side) for r in sample.refs for side in r.shape[:2])])


def on_black(
    sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int
) -> tuple[Image, str]:
    """Each reference at the top left of a black square of 500 (TTSR, as told in its issue 3)."""
    side = _square(sample, TTSR_SQUARE)
    squares = [np.pad(r, ((0, side - r.shape[0]), (0, side - r.shape[1]), (0, 0))) for r in sample.refs]
    return np.concatenate(squares), f"{len(squares)} stitched (ttsr)"


def replicated(
    sample: Sample, lr: Image, rng: np.random.Generator, dataset: Dataset | None, scale: int
) -> tuple[Image, str]:
    """Each reference centred in a square of 512, its border repeated (MASA, TestSet_multi)."""
    side = _square(sample, MASA_SQUARE)
    squares = []
    for ref in sample.refs:
        down, across = side - ref.shape[0], side - ref.shape[1]
        add = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
        squares.append(np.pad(ref, add, mode="edge"))
    return np.concatenate(squares), f"{len(squares)} stitched (masa)"
