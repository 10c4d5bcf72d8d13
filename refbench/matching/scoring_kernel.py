"""The Triton kernel that scores candidates again in float32, all of them in one launch.

Imported on first use only (see :mod:`.candidates`): Triton comes with CUDA builds of torch and nowhere else.
"""

from __future__ import annotations

import triton
import triton.language as tl


def score_candidates(
    query,
    reference,
    weight,
    candidates,
    score,
    total,
    channels,
    columns,
    query_width,
    reference_columns,
    reference_width,
    references,
    stride,
    COUNT: tl.constexpr,
    PATCH: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """Scores of the COUNT candidates of one query position.

    query, reference: float32, pixel by pixel, ``channels`` values each, maps ``query_width`` and
    ``reference_width`` wide. weight: float32 (references,), the factor of a reference position, negative
    where it must not be matched. candidates int64 and score float32, (COUNT, total); positions are
    ``columns`` to a row of the query grid, reference positions ``reference_columns``. What is outside
    [0, references) scores -inf.
    """
    p = tl.program_id(0)
    lanes = tl.arange(0, BLOCK_N)
    used = lanes < COUNT
    place = lanes.to(tl.int64) * total + p
    at = tl.load(candidates + place, mask=used, other=-1)
    inside = (at >= 0) & (at < references)
    factor = tl.load(weight + at, mask=inside, other=-1.0)
    inside = inside & (factor >= 0.0)
    wanted = tl.where(inside, at, 0)
    row = p // columns
    corner = (row * query_width + (p - row * columns)) * stride
    rows = wanted // reference_columns
    corners = (rows * reference_width + (wanted - rows * reference_columns)) * stride
    products = tl.zeros((BLOCK_N, BLOCK_C), tl.float32)
    for i in tl.static_range(PATCH):
        for j in tl.static_range(PATCH):
            left = query + (corner + i * query_width + j).to(tl.int64) * channels
            right = reference + (corners + i * reference_width + j) * channels
            for begin in range(0, channels, BLOCK_C):
                c = begin + tl.arange(0, BLOCK_C)
                there = c < channels
                f = tl.load(left + c, mask=there, other=0.0)
                g = tl.load(right[:, None] + c[None, :], mask=inside[:, None] & there[None, :], other=0.0)
                products += f[None, :] * g
    found = tl.where(inside, tl.sum(products, axis=1) * factor, float("-inf"))
    tl.store(score + place, found, mask=used)


score_candidates_kernel = triton.jit(score_candidates)
