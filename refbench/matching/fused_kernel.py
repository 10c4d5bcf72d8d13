"""The Triton kernel of the fused matcher: patch scores from pixel products, and their running best.

Imported on first use only (see :mod:`.fused`): Triton comes with CUDA builds of torch and nowhere else.
"""

from __future__ import annotations

import triton
import triton.language as tl


def keep_best(
    product,
    weight,
    value,
    index,
    columns,
    positions,
    wide,
    line,
    reference_width,
    references,
    split_length,
    offset,
    first,
    grid_columns,
    total,
    K: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_Q: tl.constexpr,
):
    """Merge the scores of one block of query positions and one split of the reference into their K best.

    product: float32, ``wide`` pixels in each query row, ``line`` reference pixels for each of them. weight:
    float32 (references,), the factor of a reference position, negative where it must not be matched.
    Positions are ``columns`` to a query row; position 0 is number ``first`` of a map with ``grid_columns``
    columns and ``total`` positions. A score is the sum of ROWS x COLUMNS products along the diagonals. value
    float32 and index int32, (splits, K, total): the K best so far, best first, which an equal later score
    does not displace; reference positions count from ``offset``.
    """
    p = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    split = tl.program_id(1)
    inside = p < positions
    y = p // columns
    x = p - y * columns
    place = split.to(tl.int64) * K * total + first + y * grid_columns + x
    base = (y * wide + x) * line
    lanes = tl.arange(0, BLOCK_Q)
    # what earlier bands of the reference found enters as the first lane's list
    head = inside[:, None] & (lanes == 0)[None, :]
    best = ()
    best_at = ()
    for r in tl.static_range(K):
        slot = (place + r * total)[:, None] + lanes[None, :] * 0
        best = best + (tl.load(value + slot, mask=head, other=float("-inf")),)
        best_at = best_at + (tl.load(index + slot, mask=head, other=-1),)
    start = split * split_length
    stop = tl.minimum(start + split_length, references)
    for begin in range(start, stop, BLOCK_Q):
        q = begin + lanes
        factor = tl.load(weight + q, mask=q < stop, other=-1.0)
        usable = inside[:, None] & (factor >= 0.0)[None, :]
        address = base[:, None] + q[None, :]
        score = tl.zeros((BLOCK_P, BLOCK_Q), tl.float32)
        for j in tl.static_range(COLUMNS):
            down = tl.zeros((BLOCK_P, BLOCK_Q), tl.float32)
            for i in tl.static_range(ROWS):
                # one down in both maps, then one right in both
                tap = i * (wide * line + reference_width) + j * (line + 1)
                down = down + tl.load(product + address + tap, mask=usable, other=0.0)
            score = score + down
        score = tl.where(usable, score * factor[None, :], float("-inf"))
        at = offset + q[None, :] + p[:, None] * 0
        new = ()
        new_at = ()
        for r in tl.static_range(K):
            better = score > best[r]
            if r == 0:
                new = new + (tl.where(better, score, best[r]),)
                new_at = new_at + (tl.where(better, at, best_at[r]),)
            else:
                # a score that displaces a better rank moves all below it down, equal ones too
                moved = score > best[r - 1]
                new = new + (tl.where(moved, best[r - 1], tl.where(better, score, best[r])),)
                new_at = new_at + (tl.where(moved, best_at[r - 1], tl.where(better, at, best_at[r])),)
        best = new
        best_at = new_at
    for r in tl.static_range(K):
        top = tl.max(best[0], axis=1)
        # the lowest index on ties; nothing found is -inf and -1
        found = tl.min(tl.where(best[0] == top[:, None], best_at[0], 2147483647), axis=1)
        tl.store(value + place + r * total, top, mask=inside)
        tl.store(index + place + r * total, found, mask=inside)
        taken = best_at[0] == found[:, None]
        rest = ()
        rest_at = ()
        for s in tl.static_range(K):
            if s < K - 1:
                rest = rest + (tl.where(taken, best[s + 1], best[s]),)
                rest_at = rest_at + (tl.where(taken, best_at[s + 1], best_at[s]),)
            else:
                rest = rest + (tl.where(taken, float("-inf"), best[s]),)
                rest_at = rest_at + (tl.where(taken, -1, best_at[s]),)
        best = rest
        best_at = rest_at


keep_best_kernel = triton.jit(keep_best)
