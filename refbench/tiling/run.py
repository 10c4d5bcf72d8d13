"""Running one pass window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from refbench.tiling.budget import active
from refbench.tiling.windows import Window

if TYPE_CHECKING:
    from torch import Tensor


def tiled(
    name: str,
    size: tuple[int, int],
    compute: Callable[[Window], Sequence[Tensor]],
    scales: Sequence[int] = (1,),
) -> list[Tensor]:
    """The maps (..., s*H, s*W) that ``compute`` returns for a grid of ``size`` (H, W), one for each scale s.

    ``compute`` gets a window of the grid and returns its maps, (..., s*h, s*w). Where the active budget
    has cut the pass ``name``, it is called once for each window with its halo, and the cores are put
    together; otherwise once, and nothing is copied.
    """
    budget = active()
    cut = budget.cut(name, size) if budget is not None else None
    if cut is None or cut.count == 1:
        return list(compute(Window(0, 0, *size)))
    maps: list[Tensor] = []
    for tile in cut:
        parts = compute(tile.outer)
        if not maps:
            maps = [_empty_like(part, size, scale) for part, scale in zip(parts, scales, strict=True)]
        for into, part, scale in zip(maps, parts, scales, strict=True):
            kept = tile.core.within(tile.outer).times(scale).of(part)
            tile.core.times(scale).of(into).copy_(kept)
    return maps


def whole(name: str, size: tuple[int, int]) -> bool:
    """Whether the pass ``name`` over a grid of ``size`` runs as one window."""
    budget = active()
    cut = budget.cut(name, size) if budget is not None else None
    return cut is None or cut.count == 1


def _empty_like(part: Tensor, size: tuple[int, int], scale: int) -> Tensor:
    """A map of the whole grid in the memory layout of ``part``."""
    import torch

    shape = (*part.shape[:-2], size[0] * scale, size[1] * scale)
    if part.ndim == 4 and part.is_contiguous(memory_format=torch.channels_last) and part.shape[1] > 1:
        return part.new_empty(shape).contiguous(memory_format=torch.channels_last)
    return part.new_empty(shape)
