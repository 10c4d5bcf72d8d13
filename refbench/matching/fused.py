"""The fused matcher for CUDA: pixel products by GEMM into the second-level cache, the rest by one kernel.

As in :mod:`.stream`, one GEMM gives the products of query pixels with reference pixels (C multiply-adds
for each pair). A slab of query rows is made at a time, small enough to stay in the cache; one kernel then
reads the diagonal taps of every patch pair from it, adds and weighs them, and keeps the K best. Scores are
never written. The last rows of a slab are the first of the next one, so no row is multiplied twice; only a
reference (or a query row) too long for the cache is cut, at the price of a halo.

Where tensor cores multiply, the GEMM is so fast that reading nine taps costs most. Operands are then tall:
each pixel brings the patch - 1 pixels below it as further channels, the GEMM adds up the columns of a patch
itself, the kernel reads one row of taps, and no row is needed twice.

The kernel is tested in Triton's interpreter; what it reaches on a card is in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from refbench.matching.features import Features
from refbench.matching.operands import Side, narrow, operand
from refbench.matching.plan import FLOAT, MIB, Problem

if TYPE_CHECKING:
    from refbench.matching.task import Task

PRODUCT_MB = 64.0
"""Largest slab of pixel products: about the card's second-level cache (A100: 40 MB, H100: 50), and large
enough that few GEMMs are launched."""
K_MOST = 8
"""The kernel holds K scores and places in registers for every pair of lanes."""
GEMM_PIXELS = 512
"""Query pixels of one GEMM from which it runs at its full rate."""
TALL = ("tf32", "bf16", "fp16")
"""Precisions whose operands are tall. bf16x3 has three times the channels as it is: tall, its GEMM would cost
what the kernel saves."""


@dataclass(frozen=True)
class Blocks:
    """Sizes of one program of the kernel, powers of two, and its warps."""

    positions: int
    references: int
    warps: int = 4

    @classmethod
    def of(cls, k: int) -> Blocks:
        """What keeps K scores and places of every pair of lanes in registers (see docs/performance.md)."""
        return cls(16, 128, 8) if k <= 2 else cls(8, 64)


@dataclass(frozen=True)
class Slabs:
    """How a matching problem is cut; counts of patch positions, but for ``rows`` (pixel rows of one GEMM)."""

    columns: int
    """Query columns."""
    band: int
    """Reference rows."""
    rows: int
    """Query rows that are new in a slab; it holds ``row_halo`` more, kept from the slab before."""

    def product_bytes(self, problem: Problem) -> int:
        """Pixel products of one slab."""
        line = aligned((self.band + problem.row_halo) * problem.reference[1])
        return FLOAT * (self.rows + problem.row_halo) * (self.columns + problem.halo) * line

    def bytes(self, problem: Problem) -> int:
        """Products, and operands: a band of the reference and the new rows, with what made them."""
        pixels = (self.band + problem.row_halo) * problem.reference[1]
        pixels += self.rows * (self.columns + problem.halo)
        return self.product_bytes(problem) + 2 * problem.value_bytes * problem.channels * pixels

    def cost(self, problem: Problem) -> float:
        """Pixel products made for each that is needed; small GEMMs and copied rows count a little."""
        halo = problem.row_halo
        wide = self.columns + problem.halo
        copied = 0.05 * halo / self.rows
        small = 0.2 * max(0.0, 1.0 - self.rows * wide / GEMM_PIXELS)
        return wide / self.columns * (self.band + halo) / self.band * (1.0 + copied + small)


def aligned(pixels: int) -> int:
    """Least length of a product row, from ``pixels`` on, whose start a GEMM's wide stores can use.

    A multiple of 8, but not of 16: Triton would take the latter as a hint to give each thread neighbouring
    places, which suits the first tap of a row alone.
    """
    return pixels + (8 - pixels) % 16


def slab_problem(task: Task) -> Problem:
    """The task's sizes as the slabs see them."""
    problem = task.problem
    size = 2 if task.precision in ("bf16", "fp16") else FLOAT
    if task.precision not in TALL:
        return replace(problem, value_bytes=size)
    return replace(problem, channels=problem.channels * problem.patch, value_bytes=size, tall=True)


@lru_cache(maxsize=256)
def plan_slabs(problem: Problem, memory_mb: float, product_mb: float = PRODUCT_MB) -> Slabs | None:
    """The cheapest cut within ``memory_mb`` whose products take ``product_mb`` at most; None: none fits.

    Kept: trying the cuts takes as long as a search does on a card.
    """
    height, width, bands = (
        n - problem.halo for n in (problem.query[0], problem.query[1], problem.reference[0])
    )
    halo = problem.row_halo
    least = max(halo, 1)
    best: Slabs | None = None
    for share in range(1, min(width, 64) + 1):
        columns = -(-width // share)
        for rows in (least, *(n for n in (4, 6, 8, 12, 16, 24, 32, 48, 64, height) if n > least)):
            if rows > max(height, least) and rows > least:
                break
            line = min(product_mb, memory_mb) * MIB / FLOAT / ((rows + halo) * (columns + problem.halo))
            # `aligned` adds 15 at most
            most = int((line - 15) // problem.reference[1]) - halo
            if most < 1:
                continue
            band = min(bands, most)
            band = -(-bands // -(-bands // band))
            slabs = Slabs(columns, band, rows)
            while slabs.bytes(problem) > memory_mb * MIB and slabs.band > 1:
                slabs = Slabs(columns, -(-slabs.band // 2), rows)
            if slabs.bytes(problem) > memory_mb * MIB:
                continue
            if best is None or slabs.cost(problem) < best.cost(problem):
                best = slabs
    return best


@dataclass(frozen=True)
class Launch:
    """One call of the kernel; see :func:`refbench.matching.fused_kernel.keep_best`."""

    product: Tensor
    weight: Tensor
    value: Tensor
    index: Tensor
    columns: int
    positions: int
    wide: int
    line: int
    reference_width: int
    references: int
    split_length: int
    offset: int
    first: int
    grid_columns: int
    total: int
    k: int
    taps: tuple[int, int]
    """Rows and columns of products that are added to a score."""
    blocks: Blocks


Launcher = Callable[[Launch], None]


def triton_launch(call: Launch) -> None:
    """Run the kernel: on the card, or in Triton's interpreter where ``TRITON_INTERPRET=1`` was set."""
    from refbench.matching.fused_kernel import keep_best_kernel

    splits = call.value.shape[0]
    keep_best_kernel[(-(-call.positions // call.blocks.positions), splits)](
        call.product,
        call.weight,
        call.value,
        call.index,
        call.columns,
        call.positions,
        call.wide,
        call.line,
        call.reference_width,
        call.references,
        call.split_length,
        call.offset,
        call.first,
        call.grid_columns,
        call.total,
        K=call.k,
        ROWS=call.taps[0],
        COLUMNS=call.taps[1],
        BLOCK_P=call.blocks.positions,
        BLOCK_Q=call.blocks.references,
        num_warps=call.blocks.warps,
    )


def fused_search(
    task: Task,
    k: int,
    slabs: Slabs,
    *,
    splits: int,
    blocks: Blocks | None = None,
    launch: Launcher = triton_launch,
) -> tuple[Tensor, Tensor]:
    """(score float32, index int64), both (k, h', w'), best first, ties to the lowest index; stride 1.

    ``splits``: parts of a reference band that are searched side by side, so that a slab of few positions
    fills the card. Scores do not depend on it, nor on ``slabs`` beyond the order of the sums in a GEMM.
    """
    problem = slab_problem(task)
    halo = problem.row_halo
    height, width = task.grid
    bands, reference_columns = task.reference_grid
    reference_width = task.reference.width
    weight = _weights(task)
    total = height * width
    value = torch.full((splits, k, total), -torch.inf, device=task.device)
    index = torch.full((splits, k, total), -1, dtype=torch.int32, device=task.device)
    product = torch.empty(slabs.product_bytes(problem) // FLOAT, device=task.device)
    blocks = blocks or Blocks.of(k)
    for first in range(0, bands, slabs.band):
        last = min(first + slabs.band, bands)
        reference = _operand(task, "reference", first, last, 0, reference_width)
        line = aligned(len(reference))
        reference = functional.pad(reference, (0, 0, 0, line - len(reference)))
        references = (last - first) * reference_width
        split_length = -(-references // (splits * blocks.references)) * blocks.references
        for left in range(0, width, slabs.columns):
            columns = min(slabs.columns, width - left)
            wide = columns + problem.halo
            kept = 0
            for top in range(0, height, slabs.rows):
                # a slab covers pixel rows [top, stop + halo); those kept from the one before stand first
                stop = min(top + slabs.rows, height)
                new = stop + halo - (top + kept)
                slab = product[: (kept + new) * wide * line].view(kept + new, wide * line)
                query = _operand(task, "query", top + kept, stop, left, left + wide)
                _multiply(query, reference.t(), slab[kept:].view(new * wide, line))
                launch(
                    Launch(
                        slab,
                        weight[first:last].reshape(-1),
                        value,
                        index,
                        columns,
                        (stop - top) * columns,
                        wide,
                        line,
                        reference_width,
                        references,
                        split_length,
                        first * reference_width,
                        top * width + left,
                        width,
                        total,
                        k,
                        (1 if problem.tall else task.patch, task.patch),
                        blocks,
                    )
                )
                if halo and stop < height:
                    # rows >= halo: source and target do not overlap
                    slab[:halo].copy_(slab[stop - top : stop - top + halo])
                kept = halo
    score, place = _merged(value, index, k)
    # from rows of reference_width to rows of the grid; -1 stays, since it is in row 0 when rounded towards 0
    y = torch.div(place, reference_width, rounding_mode="trunc")
    place = torch.sub(place, y, alpha=reference_width - reference_columns)
    return score.view(k, height, width), place.view(k, height, width)


def _weights(task: Task) -> Tensor:
    """float32 (hr', Wr): factors of the reference positions; -1 beyond the grid and where masked."""
    rows, columns = task.reference_grid
    weight = torch.full((rows, task.reference.width), -1.0, device=task.device)
    factors = task.inverse.float()
    weight[:, :columns] = factors if task.valid is None else torch.where(task.valid, factors, -1.0)
    return weight


def _operand(task: Task, side: Side, top: int, stop: int, left: int, right: int) -> Tensor:
    """(pixels, channels), contiguous, for patch positions in rows [top, stop) and columns [left, right).

    Pixel by pixel, since a tensor core's loads need rows of a round length, which channels have. With the
    rows of the halo below, or tall: then as many rows as positions have, each with those below it.
    """
    features: Features = getattr(task, side)
    block = features.block(top, stop + task.patch - 1, left, right)
    block = (narrow if block.is_cuda else operand)(block, task.precision, side)
    pixels = block.permute(1, 2, 0)
    rows = [pixels[i : i + stop - top] for i in range(task.patch)] if task.precision in TALL else [pixels]
    return torch.cat(rows, 2).flatten(0, 1).contiguous()


def _multiply(query: Tensor, reference: Tensor, out: Tensor) -> None:
    """float32 products of all pixel pairs."""
    if query.dtype != torch.float32:
        torch.mm(query, reference, out_dtype=torch.float32, out=out)
    else:
        torch.mm(query, reference, out=out)


def _merged(value: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(value, index int64), (k, n), of (splits, k, n): the best of all splits, ties to the lowest index.

    Splits ascend in reference order and each has its ties in that order, so a stable sort keeps it.
    """
    if len(value) == 1:
        return value[0], index[0].long()
    best, order = value.flatten(0, 1).sort(dim=0, descending=True, stable=True)
    return best[:k], index.flatten(0, 1).gather(0, order[:k]).long()


def fused_bytes(problem: Problem, k: int, splits: int, slabs: Slabs) -> int:
    """Working memory, the running best included."""
    positions = (problem.query[0] - problem.halo) * (problem.query[1] - problem.halo)
    return slabs.bytes(problem) + 2 * FLOAT * splits * k * positions
