"""The fused matcher for CUDA: pixel products by GEMM into the second-level cache, the rest by one kernel.

As in :mod:`.stream`, one GEMM gives the products of query pixels with reference pixels (C multiply-adds
for each pair). A slab of query rows is made at a time, small enough to stay in the cache; one kernel then
reads the diagonal taps of every patch pair from it, adds and weighs them, and keeps the K best. Scores are
never written. The last rows of a slab are the first of the next one, so no row is multiplied twice; only a
reference (or a query row) too long for the cache is cut, at the price of a halo.

The kernel is tested in Triton's interpreter; what it reaches on a card is in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from refbench.matching.operands import operand, parts
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
NO_INDEX = torch.iinfo(torch.int32).max


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
    """Query rows that are new in a slab; it holds ``halo`` more, kept from the slab before."""

    def product_bytes(self, problem: Problem) -> int:
        """Pixel products of one slab."""
        halo = problem.halo
        line = (self.band + halo) * problem.reference[1]
        return FLOAT * (self.rows + halo) * (self.columns + halo) * line

    def bytes(self, problem: Problem) -> int:
        """Products, and operands: a band of the reference and the new rows, with what made them."""
        halo = problem.halo
        pixels = (self.band + halo) * problem.reference[1] + self.rows * (self.columns + halo)
        return self.product_bytes(problem) + 2 * FLOAT * problem.channels * pixels

    def cost(self, problem: Problem) -> float:
        """Pixel products made for each that is needed; small GEMMs and copied rows count a little."""
        halo = problem.halo
        wide = self.columns + halo
        copied = 0.05 * halo / self.rows
        small = 0.2 * max(0.0, 1.0 - self.rows * wide / GEMM_PIXELS)
        return wide / self.columns * (self.band + halo) / self.band * (1.0 + copied + small)


@lru_cache(maxsize=256)
def plan_slabs(problem: Problem, memory_mb: float, product_mb: float = PRODUCT_MB) -> Slabs | None:
    """The cheapest cut within ``memory_mb`` whose products take ``product_mb`` at most; None: none fits.

    Kept: trying the cuts takes as long as a search does on a card.
    """
    halo = problem.halo
    height, width, bands = (n - halo for n in (problem.query[0], problem.query[1], problem.reference[0]))
    least = max(halo, 1)
    best: Slabs | None = None
    for share in range(1, min(width, 64) + 1):
        columns = -(-width // share)
        for rows in (least, *(n for n in (4, 6, 8, 12, 16, 24, 32, 48, 64, height) if n > least)):
            if rows > max(height, least) and rows > least:
                break
            line = min(product_mb, memory_mb) * MIB / FLOAT / ((rows + halo) * (columns + halo))
            most = int(line // problem.reference[1]) - halo
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
    patch: int
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
        PATCH=call.patch,
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
    problem, halo = task.problem, task.problem.halo
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
        reference = _right(task.reference.block(first, last + halo, 0, reference_width), task.precision)
        line = reference.shape[1]
        references = (last - first) * reference_width
        split_length = -(-references // (splits * blocks.references)) * blocks.references
        for left in range(0, width, slabs.columns):
            columns = min(slabs.columns, width - left)
            wide = columns + halo
            kept = 0
            for top in range(0, height, slabs.rows):
                # a slab covers pixel rows [top, stop + halo); those kept from the one before stand first
                stop = min(top + slabs.rows, height)
                new = stop + halo - (top + kept)
                slab = product[: (kept + new) * wide * line].view(kept + new, wide * line)
                query = _left(task.query.block(top + kept, stop + halo, left, left + wide), task.precision)
                _multiply(query, reference, slab[kept:].view(new * wide, line))
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
                        task.patch,
                        blocks,
                    )
                )
                if halo and stop < height:
                    # rows >= halo: source and target do not overlap
                    slab[:halo].copy_(slab[stop - top : stop - top + halo])
                kept = halo
    score, place = _merged(value, index, k)
    y = torch.div(place, reference_width, rounding_mode="floor")
    place = torch.where(place < 0, -1, y * reference_columns + (place - y * reference_width))
    return score.view(k, height, width), place.view(k, height, width)


def _weights(task: Task) -> Tensor:
    """float32 (hr', Wr): factors of the reference positions; -1 beyond the grid and where masked."""
    rows, columns = task.reference_grid
    weight = torch.full((rows, task.reference.width), -1.0, device=task.device)
    factors = task.inverse.float()
    weight[:, :columns] = factors if task.valid is None else torch.where(task.valid, factors, -1.0)
    return weight


def _left(block: Tensor, precision: str) -> Tensor:
    """Query operand (pixels, channels), bfloat16 where the card multiplies bfloat16."""
    if block.is_cuda and precision in ("bf16", "bf16x3"):
        split = parts(block, "query") if precision == "bf16x3" else block.bfloat16()
        return split.flatten(1).t()
    return operand(block, precision, "query").flatten(1).t()


def _right(block: Tensor, precision: str) -> Tensor:
    """Reference operand (channels, pixels)."""
    if block.is_cuda and precision in ("bf16", "bf16x3"):
        split = parts(block, "reference") if precision == "bf16x3" else block.bfloat16()
        return split.flatten(1)
    return operand(block, precision, "reference").flatten(1)


def _multiply(query: Tensor, reference: Tensor, out: Tensor) -> None:
    """float32 products of all pixel pairs."""
    if query.dtype == torch.bfloat16:
        torch.mm(query, reference, out_dtype=torch.float32, out=out)
    else:
        torch.mm(query, reference, out=out)


def _merged(value: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(value, index int64), (k, n), of (splits, k, n): the best of all splits, ties to the lowest index."""
    if len(value) == 1:
        return value[0], index[0].long()
    value, index = value.flatten(0, 1), index.flatten(0, 1)
    values, places = [], []
    for rank in range(k):
        best = value.amax(0)
        place = torch.where(value == best, index, NO_INDEX).amin(0)
        values.append(best)
        places.append(place)
        if rank + 1 < k:
            taken = index == place
            value, index = value.masked_fill(taken, -torch.inf), index.masked_fill(taken, -1)
    return torch.stack(values), torch.stack(places).long()


def fused_bytes(problem: Problem, k: int, splits: int, slabs: Slabs) -> int:
    """Working memory, the running best included."""
    positions = (problem.query[0] - problem.halo) * (problem.query[1] - problem.halo)
    return slabs.bytes(problem) + 2 * FLOAT * splits * k * positions
