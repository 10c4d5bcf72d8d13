"""``shard=i/n``: which part of a plan one of n independent runs carries out.

The division depends on the plan and on n alone: never on what is finished, on the time of day or on the
machine, so that n runs of one command line cover every trial exactly once and a resumed shard goes on
with its own part.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from refbench.settings import Shard

Share: TypeAlias = frozenset[tuple[str, str]]
"""(run key, sample id) of one shard; all draws of a sample stay together, so that it is decoded once."""


@dataclass(frozen=True)
class Load:
    """One cell as the division sees it."""

    key: str
    """Run key."""
    group: object
    """Equal (and hashable) for cells that share loaded weights."""
    ids: Sequence[str]
    """Sample ids."""
    sizes: Mapping[str, int]
    """Work of the samples, in any unit (pixels); only ratios inside one cell count. Lacking ones count 1."""


def share(cells: Sequence[Load], shard: Shard) -> Share:
    """The part of ``cells`` that ``shard`` carries out.

    Each cell is divided by its own: largest sample first, always to the shard with the least work of this
    cell so far (Graham's LPT rule, at most 4/3 of the best division), then of this method, then of all.
    So no cost of a method or a protocol need be known, a shard loads each method once at most, and cells
    with fewer samples than shards do not all land on the first shards.
    """
    return frozenset(
        (key, sample) for key, sample, number in divide(cells, shard.count) if number == shard.number
    )


def divide(cells: Sequence[Load], count: int) -> Iterator[tuple[str, str, int]]:
    """(run key, sample id, shard from 1) of everything, see :func:`share`."""
    by_method: dict[object, list[float]] = {}
    overall = [0.0] * count
    for cell in cells:
        ordered = sorted(((max(1, cell.sizes.get(i, 0)), i) for i in cell.ids), key=lambda w: (-w[0], w[1]))
        total = sum(work for work, _ in ordered)
        method = by_method.setdefault(cell.group, [0.0] * count)
        heap = [(0, method[n], overall[n], n) for n in range(count)]
        heapq.heapify(heap)
        for work, sample in ordered:
            load, of_method, of_all, n = heap[0]
            heapq.heapreplace(heap, (load + work, of_method, of_all, n))
            yield cell.key, sample, n + 1
        for load, _, _, n in heap:
            # as shares of the cell: what a pixel costs differs from cell to cell
            method[n] += load / total if total else 0.0
            overall[n] += load / total if total else 0.0
