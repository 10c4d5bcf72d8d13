"""The exact streamed matcher: pixel correlations by GEMM, patch scores by sums along diagonals.

With f, g the pixel features, the score of patches at p and q is

    C(p, q) = sum over the taps d of <f(p + d), g(q + d)> * w(q),      w(q) = 1 / norm of the patch at q

so one GEMM over pixels (C multiply-adds for each pair, not 9 C) holds all that the 3x3 patches need.
The correlation is never stored: a ring of query rows holds the pixel products against one band of
reference rows, from which tiles of C are summed, first down the rows and then along the columns. In
memory "one down in both maps" and "one right in both maps" are constant strides, so both sums are
vector adds over long contiguous runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from refbench.matching.operands import operand
from refbench.matching.plan import Problem, Tiles
from refbench.matching.running import RunningBest, Tile
from refbench.matching.task import Task


def stream(
    task: Task, weight: Tensor | None, penalty: Tensor | None, tiles: Tiles, best: RunningBest
) -> None:
    """Feed every score of the task to ``best``.

    weight, penalty: float32 (hr', Wr) over the reference positions, the columns beyond the grid included;
    scores are ``C * weight + penalty``. None for both means that all weights are equal and nothing is
    masked: the common factor is then left to the caller.
    """
    problem = task.problem
    space = Workspace.allocate(problem, tiles, task.device)
    halo = problem.halo
    rows, columns, bands = (n - halo for n in (*problem.query, problem.reference[0]))
    for top in range(0, rows, tiles.query_height):
        bottom = min(top + tiles.query_height, rows)
        for left in range(0, columns, tiles.query_width):
            right = min(left + tiles.query_width, columns)
            block = operand(task.query.block(top, bottom + halo, left, right + halo), task.precision, "query")
            for first in range(0, bands, tiles.band):
                last = min(first + tiles.band, bands)
                band = operand(
                    task.reference.block(first, last + halo, 0, task.reference.width),
                    task.precision,
                    "reference",
                )
                sums = BandSums(block.shape, band.shape, first, task.patch, tiles, space)
                if weight is not None and penalty is not None:
                    sums.weigh(weight[first:last], penalty[first:last])
                sums.run(block, band, top, left, best)


@dataclass(frozen=True)
class Workspace:
    """Buffers of one match, allocated once and reused by every tile."""

    ring: Tensor
    down: Tensor
    score: Tensor

    @classmethod
    def allocate(cls, problem: Problem, tiles: Tiles, device: torch.device) -> Workspace:
        """Buffers for the largest tile."""
        ring, down, score = tiles.buffer_floats(problem)
        return cls(
            torch.empty(ring, device=device),
            # the column sums read past the tile; zeros there keep NaN out of unused columns
            torch.zeros(down, device=device),
            torch.zeros(score, device=device),
        )


class BandSums:
    """Scores of one query block against one band of reference rows."""

    def __init__(
        self,
        block: torch.Size,
        band: torch.Size,
        first: int,
        patch: int,
        tiles: Tiles,
        space: Workspace,
    ) -> None:
        self.patch = patch
        self.halo = patch - 1
        self.first = first
        self.space = space
        self.tiles = tiles
        _, self.pixel_rows, self.wide = block
        self.reference_width = band[2]
        self.band = band[1] - self.halo
        self.chunk = min(tiles.chunk, self.band)
        # the last chunk ends with the band and so may repeat rows of the one before
        last = self.band - self.chunk
        self.starts = [min(v, last) for v in range(0, self.band, self.chunk)]
        self.repeated = self.starts[-2] + self.chunk - last if len(self.starts) > 1 else 0
        line = band[1] * band[2]
        self.ring_rows = min(2 * tiles.gemm_rows, self.pixel_rows)
        self.ring = space.ring[: self.ring_rows * self.wide * line].view(self.ring_rows, self.wide, line)
        self.weights: list[tuple[Tensor, Tensor]] = []
        self.steps: dict[tuple[int, int], Step] = {}

    def weigh(self, weight: Tensor, penalty: Tensor) -> None:
        """Use weights and penalties (band, Wr) for this band's positions."""
        self.weights = [(penalty[v : v + self.chunk], weight[v : v + self.chunk]) for v in self.starts]

    def run(self, block: Tensor, band: Tensor, top: int, left: int, best: RunningBest) -> None:
        """Stream the block's rows through the ring and hand the scores to ``best``."""
        left_operand = block.view(block.shape[0], -1).t()
        right_operand = band.view(band.shape[0], -1)
        # as self.starts, made on the device: copying a list there would wait for it
        starts = torch.arange(0, self.band, self.chunk, device=block.device)
        starts = starts.clamp_(max=self.band - self.chunk).add_(self.first)
        grid_width = self.reference_width - self.halo
        done = 0
        for start in range(0, self.pixel_rows, self.tiles.gemm_rows):
            stop = min(start + self.tiles.gemm_rows, self.pixel_rows)
            self._correlate(left_operand, right_operand, start, stop)
            while done < stop - self.halo:
                step = self._step(done, stop - self.halo - done)
                scores = self._sum(step)
                tile = Tile(top + done, left, self.wide - self.halo, starts, grid_width)
                best.update(scores, tile)
                done += step.rows

    def _correlate(self, left: Tensor, right: Tensor, start: int, stop: int) -> None:
        """Pixel products of query rows [start, stop) with the band, written where the ring has them."""
        while start < stop:
            slot = start % self.ring_rows
            count = min(stop - start, self.ring_rows - slot)
            out = self.ring[slot : slot + count].view(count * self.wide, -1)
            torch.mm(left[start * self.wide : (start + count) * self.wide], right, out=out)
            start += count

    def _step(self, y: int, most: int) -> Step:
        """Views for up to ``most`` rows of positions from y; few occur, as the ring repeats."""
        slots = [(y + i) % self.ring_rows for i in range(self.patch)]
        rows = min(most, self.tiles.score_rows, self.ring_rows - max(slots))
        key = (slots[0], rows)
        if key not in self.steps:
            self.steps[key] = self._views(slots, rows)
        return self.steps[key]

    def _views(self, slots: list[int], rows: int) -> Step:
        line = self.chunk * self.reference_width
        size = rows * self.wide * line
        # shifted runs stop where the last of them leaves the tile: there are no positions beyond
        used = (rows * self.wide - self.halo) * line
        down = self.space.down[:size].view(rows, self.wide, line)
        across = [self.space.down[j * (line + 1) :][:used] for j in range(self.patch)]
        score = self.space.score[: len(self.starts) * size].view(len(self.starts), -1)
        taps = [
            [
                self.ring[slot : slot + rows, :, (v + i) * self.reference_width :][:, :, :line]
                for i, slot in enumerate(slots)
            ]
            for v in self.starts
        ]
        shape = (len(self.starts), rows, self.wide, self.chunk, self.reference_width)
        return Step(rows, taps, down, across, [part[:used] for part in score], score.view(shape))

    def _sum(self, step: Step) -> Tensor:
        for taps, out in zip(step.taps, step.out, strict=True):
            if self.patch == 1:
                out.view_as(step.down).copy_(taps[0])
                continue
            torch.add(taps[0], taps[1], out=step.down)
            for tap in taps[2:]:
                step.down.add_(tap)
            torch.add(step.across[0], step.across[1], out=out)
            for part in step.across[2:]:
                out.add_(part)
        if self.weights:
            for part, (penalty, weight) in zip(step.score, self.weights, strict=True):
                torch.addcmul(penalty, part, weight, out=part)
        elif self.halo:
            step.score[..., self.reference_width - self.halo :].fill_(-torch.inf)
        if self.repeated:
            step.score[-1, :, :, : self.repeated].fill_(-torch.inf)
        return step.score


@dataclass(frozen=True)
class Step:
    """Views for one step of ``rows`` query rows: the ring's taps of every chunk, and where sums go."""

    rows: int
    taps: list[list[Tensor]]
    down: Tensor
    across: list[Tensor]
    out: list[Tensor]
    score: Tensor
