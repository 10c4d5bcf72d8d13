"""What a pass over an image costs in memory, and the cheapest cut that keeps it within a budget."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from refbench.errors import SampleError
from refbench.tiling.windows import Cut

MIB = 2**20
OWN_SHARE = 4
"""One part in this many of the limit is for the interpreter, the weights and the allocator's rounding."""


class TooLittleMemory(SampleError):
    """``memory.limit`` is too small for this image; the message says what the least is."""


@dataclass(frozen=True)
class Pass:
    """One step of a method that can run window by window."""

    name: str
    size: tuple[int, int]
    """(H, W) of the grid that is cut, in this pass's own pixels."""
    per_pixel: float
    """Bytes of working memory for every pixel of a window, all that exists at its peak."""
    held: float
    """Bytes that exist in addition to it: images, features, matches, its input and output maps."""
    halo: int = 0
    """Pixels beyond a core that its values depend on."""
    align: int = 1
    """Cores and halos are multiples of this (windows of a Swin layer, strides)."""


def usable(limit: int) -> int:
    """Bytes of ``limit`` that a plan may count on."""
    return limit - limit // OWN_SHARE


def cuts(one: Pass) -> Iterable[Cut]:
    """Every different cut of a pass, the whole image first."""
    height, width = one.size
    halo = -(-one.halo // one.align) * one.align
    for rows in _cores(height, one.align):
        for columns in _cores(width, one.align):
            yield Cut(one.size, (rows, columns), halo)


def _cores(length: int, align: int) -> list[int]:
    """Core lengths, longest first, that cut ``length`` into different numbers of parts."""
    units = -(-length // align)
    return sorted({-(-units // parts) * align for parts in range(1, units + 1)}, reverse=True)


def best_cut(one: Pass, budget: float) -> Cut | None:
    """The cut with the least work within ``budget`` bytes; None when no cut fits."""
    best: Cut | None = None
    for cut in cuts(one):
        if one.held + one.per_pixel * cut.largest > budget:
            continue
        if cut.count == 1:
            return cut
        if best is None or (cut.computed, cut.count) < (best.computed, best.count):
            best = cut
    return best


def least_limit(passes: Sequence[Pass]) -> int:
    """The smallest limit in bytes, rounded up to MiB, under which every pass fits."""
    need = max(one.held + one.per_pixel * min(cut.largest for cut in cuts(one)) for one in passes)
    return math.ceil(need * OWN_SHARE / (OWN_SHARE - 1) / MIB + 1) * MIB


def _merged(passes: Iterable[Pass]) -> list[Pass]:
    """Passes that run more than once over the same grid, each at its most expensive."""
    found: dict[tuple[str, tuple[int, int]], Pass] = {}
    for one in passes:
        known = found.get((one.name, one.size), one)
        found[one.name, one.size] = replace(
            one, held=max(one.held, known.held), per_pixel=max(one.per_pixel, known.per_pixel)
        )
    return list(found.values())


def plan(passes: Sequence[Pass], limit: int) -> dict[tuple[str, tuple[int, int]], Cut]:
    """A cut for every pass, by name and size. Raises TooLittleMemory naming the field and the least."""
    found = {}
    for one in _merged(passes):
        cut = best_cut(one, usable(limit))
        if cut is None:
            raise TooLittleMemory(
                f"memory.limit={limit / MIB:.0f}MB is too little for the pass {one.name!r} of this image; "
                f"the least that works is memory.limit={least_limit(passes) // MIB}MB"
            )
        found[one.name, one.size] = cut
    return found
