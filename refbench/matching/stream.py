"""The exact streamed matcher: pixel correlations by GEMM, patch scores by sums along diagonals.

With f, g the pixel features, the score of patches at p and q is

    C(p, q) = sum over the taps d of <f(p + d), g(q + d)> * w(q),      w(q) = 1 / norm of the patch at q

so one GEMM over pixels (C multiply-adds for each pair, not 9 C) holds all that the 3x3 patches need.
The correlation is never stored: a ring of query rows holds the pixel products against one band of
reference rows, from which tiles of C are summed, first down the rows and then along the columns. In
memory "one down in both maps" and "one right in both maps" are constant strides, so both sums are
contiguous vector adds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.matching.features import Features
from refbench.matching.plan import Problem, Tiles
from refbench.matching.running import RunningBest


class Workspace:
    """Buffers of one match, allocated once and reused by every tile."""

    def __init__(self, problem: Problem, tiles: Tiles, device: torch.device) -> None:
        halo = problem.halo
        wide = tiles.query_width + halo
        line = (tiles.band + halo) * problem.reference[1]
        self.ring = torch.empty(tiles.ring_rows(problem) * wide * line, device=device)
        # the column sums read a few elements past the tile; zeros there keep NaN out of unused columns
        score = wide * tiles.chunk * problem.reference[1]
        self.down = torch.zeros(score + 2 * problem.patch, device=device)
        self.score = torch.zeros(score, device=device)


def stream(
    query: Features,
    reference: Features,
    weight: Tensor | None,
    penalty: Tensor | None,
    problem: Problem,
    tiles: Tiles,
    best: RunningBest,
) -> None:
    """Feed every score of the problem to ``best``.

    weight, penalty: float32 (hr', Wr) over the reference positions, the columns beyond the grid included;
    scores are ``C * weight + penalty``. None for both means that all weights are equal and nothing is
    masked: the common factor is then left to the caller.
    """
    space = Workspace(problem, tiles, query.raw.device)
    halo = problem.halo
    rows, columns, bands = (n - halo for n in (*problem.query, problem.reference[0]))
    for top in range(0, rows, tiles.query_height):
        bottom = min(top + tiles.query_height, rows)
        for left in range(0, columns, tiles.query_width):
            right = min(left + tiles.query_width, columns)
            block = query.block(top, bottom + halo, left, right + halo)
            for first in range(0, bands, tiles.band):
                last = min(first + tiles.band, bands)
                band = reference.block(first, last + halo, 0, reference.width)
                place = (top, left, first, last)
                _band(block, band, place, weight, penalty, problem, tiles, space, best)


def _band(
    block: Tensor,
    band: Tensor,
    place: tuple[int, int, int, int],
    weight: Tensor | None,
    penalty: Tensor | None,
    problem: Problem,
    tiles: Tiles,
    space: Workspace,
    best: RunningBest,
) -> None:
    top, left, first, last = place
    halo, patch = problem.halo, problem.patch
    channels, pixel_rows, wide = block.shape
    reference_width = band.shape[2]
    line = band.shape[1] * reference_width
    ring_rows = min(2 * tiles.gemm_rows, pixel_rows)
    ring = space.ring[: ring_rows * wide * line].view(ring_rows, wide, line)
    left_operand = block.view(channels, -1).t()
    right_operand = band.view(channels, -1)
    done = 0
    for start in range(0, pixel_rows, tiles.gemm_rows):
        stop = min(start + tiles.gemm_rows, pixel_rows)
        _correlate(left_operand, right_operand, ring, start, stop, wide)
        for y in range(done, stop - halo):
            rows = [ring[(y + i) % ring_rows] for i in range(patch)]
            for v in range(first, last, tiles.chunk):
                chunk = min(tiles.chunk, last - v)
                score = _scores(rows, (v - first) * reference_width, chunk, reference_width, space)
                if weight is None or penalty is None:
                    if halo:
                        score[:, :, reference_width - halo :] = -torch.inf
                else:
                    torch.addcmul(penalty[v : v + chunk], score, weight[v : v + chunk], out=score)
                best.update(score[None], top + y, left, wide - halo, v, reference_width - halo)
        done = max(done, stop - halo)


def _correlate(left: Tensor, right: Tensor, ring: Tensor, start: int, stop: int, wide: int) -> None:
    """Pixel products of query rows [start, stop) with the band, written where the ring has them."""
    ring_rows, line = ring.shape[0], ring.shape[2]
    while start < stop:
        slot = start % ring_rows
        count = min(stop - start, ring_rows - slot)
        out = ring[slot : slot + count].view(count * wide, line)
        torch.mm(left[start * wide : (start + count) * wide], right, out=out)
        start += count


def _scores(rows: list[Tensor], offset: int, chunk: int, reference_width: int, space: Workspace) -> Tensor:
    """Unweighted patch scores (wide, chunk, Wr) of one query row against ``chunk`` reference rows."""
    patch, wide, line = len(rows), rows[0].shape[0], chunk * reference_width
    size = wide * line
    down = space.down[:size].view(wide, line)
    score = space.score[:size]
    if patch == 1:
        return (
            score.view(wide, line)
            .copy_(rows[0][:, offset : offset + line])
            .view(wide, chunk, reference_width)
        )
    taps = [row[:, offset + i * reference_width :][:, :line] for i, row in enumerate(rows)]
    torch.add(taps[0], taps[1], out=down)
    for tap in taps[2:]:
        down.add_(tap)
    # one step right in both maps is line + 1 floats; what wraps lands in unused rows and columns
    used = (wide - patch + 1) * line
    shifted = [space.down[j * (line + 1) :][:used] for j in range(patch)]
    out = score[:used]
    torch.add(shifted[0], shifted[1], out=out)
    for part in shifted[2:]:
        out.add_(part)
    return score.view(wide, chunk, reference_width)
