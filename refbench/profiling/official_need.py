"""The memory that the released matching algorithm holds, from sizes alone."""

from __future__ import annotations

FLOAT, INDEX = 4, 8
PATCH = 3
CHUNK_BUDGET = 1024**2 * 512
"""Query pixels times kernels of one convolution, as the released code has it."""


def official_need(query: tuple[int, int], reference: tuple[int, int], channels: int) -> int:
    """Bytes at the peak of C2-Matching's and DATSR's matching of feature maps of ``query`` and ``reference``.

    All 3x3 patches of the reference are unfolded and normalised, which holds them twice, and one chunk of
    them is convolved with the query: at most CHUNK_BUDGET floats (0.5 G of them, whatever the device), with
    the maximum and its index.
    """
    patches = (reference[0] - PATCH + 1) * (reference[1] - PATCH + 1)
    positions = (query[0] - PATCH + 1) * (query[1] - PATCH + 1)
    kernels = 2 * FLOAT * PATCH**2 * channels * patches
    chunk = min(patches, max(1, CHUNK_BUDGET // (query[0] * query[1])))
    return kernels + FLOAT * chunk * positions + 2 * (FLOAT + INDEX) * positions
