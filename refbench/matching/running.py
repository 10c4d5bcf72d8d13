"""The running K best per query position, fed with tiles of scores in ascending reference order.

Tiles come in the order of the reference index, and a later score wins only when strictly greater: that
is what sends ties to the lowest index, for every K and every tiling.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tile:
    """Where a tile of scores lies on both patch grids."""

    top: int
    left: int
    width: int
    """Query positions (top.., left..left + width); a tile may have more columns, which are not positions."""
    starts: Tensor
    """int64 (chunks,): the first reference row of each chunk, ascending."""
    grid_width: int
    """Width of the reference patch grid; a tile may have more columns, which hold -inf."""


class RunningBest:
    """K best scores over a query patch grid (h', w').

    ``sparse`` looks only at the rows of a tile that improve (needs to read values back, so CPU);
    otherwise every row is reduced, which never synchronises with the device.
    """

    def __init__(self, grid: tuple[int, int], k: int, device: torch.device, *, sparse: bool) -> None:
        self.grid = grid
        self.k = k
        self.sparse = sparse
        self.value = torch.full((k, *grid), -torch.inf, device=device)
        self.index = torch.full((k, *grid), -1, dtype=torch.int64, device=device)

    def update(self, scores: Tensor, tile: Tile) -> None:
        """Merge contiguous float32 scores (chunks, rows, wide, b, Wr): b reference rows in each chunk.

        A reference position may occur in two chunks only if it holds -inf in one of them.
        """
        if not self.sparse:
            self._dense(scores, tile)
            return
        chunks, rows, wide, depth, reference_width = scores.shape
        chunk_best = torch.amax(scores.view(chunks * rows * wide, depth * reference_width), 1).view(
            chunks, rows, wide
        )
        bound = self.value[self.k - 1, tile.top : tile.top + rows, tile.left : tile.left + tile.width]
        hits = torch.nonzero(chunk_best.amax(0)[:, : tile.width] > bound)
        if hits.shape[0] == 0:
            return
        dy, dx = hits.unbind(1)
        row = dy * wide + dx
        position = (dy + tile.top) * self.grid[1] + (dx + tile.left)
        chunk_best = chunk_best.view(chunks, -1).index_select(1, row)
        if self.k == 1:
            self._sparse_one(scores, chunk_best, row, position, tile)
        else:
            self._sparse_many(scores, chunk_best, row, position, tile)

    def _sparse_one(
        self, scores: Tensor, chunk_best: Tensor, row: Tensor, position: Tensor, tile: Tile
    ) -> None:
        chunks, rows, wide, depth, reference_width = scores.shape
        chunk = chunk_best.argmax(0)
        place = chunk * (rows * wide) + row
        # argmax over a long row is not vectorised in torch: amax finds the reference row first
        chosen = scores.view(chunks * rows * wide, -1).index_select(0, place)
        y = chosen.view(-1, depth, reference_width).amax(2).argmax(1)
        value, x = scores.view(-1, reference_width).index_select(0, place * depth + y).max(1)
        self.value.view(-1)[position] = value
        self.index.view(-1)[position] = (tile.starts[chunk] + y) * tile.grid_width + x

    def _sparse_many(
        self, scores: Tensor, chunk_best: Tensor, row: Tensor, position: Tensor, tile: Tile
    ) -> None:
        k, count = self.k, len(row)
        chunks, rows, wide, depth, reference_width = scores.shape
        old_value = self.value.view(k, -1)[:, position].t()
        old_index = self.index.view(k, -1)[:, position].t()
        units, unit_depth, lines = chunk_best.t(), depth, scores.view(chunks * rows * wide, -1)
        if chunks < k:
            # too few chunks for the bound below: take single reference rows
            place = torch.arange(chunks, device=row.device) * (rows * wide) + row[:, None]
            units = lines[place].view(count, chunks * depth, reference_width).amax(2)
            unit_depth, lines = 1, scores.view(-1, reference_width)
        bound = _raised(old_value[:, -1], units, k)
        which, unit = torch.nonzero(units > bound[:, None], as_tuple=True)
        parts = depth // unit_depth
        chunk = torch.div(unit, parts, rounding_mode="floor")
        y = unit - chunk * parts
        chosen = lines.index_select(0, (chunk * (rows * wide) + row[which]) * parts + y)
        if unit_depth > 1:
            # the same once more with the reference rows of those chunks: what is left to look at is little
            chosen = chosen.view(-1, reference_width)
            best = chosen.amax(1).view(-1, unit_depth)
            bound = _raised(bound, _by_owner(best, which, count), k)
            line, y = torch.nonzero(best > bound[which][:, None], as_tuple=True)
            chosen = chosen.index_select(0, line * unit_depth + y)
            which, chunk = which[line], chunk[line]
        part, column = torch.nonzero(chosen > bound[which][:, None], as_tuple=True)
        owner = which[part]
        counts = torch.bincount(owner, minlength=count)
        slot = torch.arange(len(owner), device=row.device) - (counts.cumsum(0) - counts)[owner] + k
        value = old_value.new_full((count, k + int(counts.max())), -torch.inf)
        index = torch.full(value.shape, -1, dtype=torch.int64, device=row.device)
        value[:, :k], index[:, :k] = old_value, old_index
        value[owner, slot] = chosen[part, column]
        index[owner, slot] = (tile.starts[chunk[part]] + y[part]) * tile.grid_width + column
        order = value.sort(dim=1, descending=True, stable=True).indices[:, :k]
        self.value.view(k, -1)[:, position] = value.gather(1, order).t()
        self.index.view(k, -1)[:, position] = index.gather(1, order).t()

    def _dense(self, scores: Tensor, tile: Tile) -> None:
        chunks, rows, _, depth, reference_width = scores.shape
        value = self.value[:, tile.top : tile.top + rows, tile.left : tile.left + tile.width]
        index = self.index[:, tile.top : tile.top + rows, tile.left : tile.left + tile.width]
        values, indices = [value.reshape(self.k, -1)], [index.reshape(self.k, -1)]
        for chunk in range(chunks):
            left = scores[chunk, :, : tile.width].reshape(rows * tile.width, depth * reference_width)
            for rank in range(min(self.k, left.shape[1])):
                best, column = left.max(1)
                if rank + 1 < self.k:
                    left.scatter_(1, column[:, None], -torch.inf)
                y = torch.div(column, reference_width, rounding_mode="floor")
                x = column - y * reference_width
                values.append(best[None])
                indices.append(((tile.starts[chunk] + y) * tile.grid_width + x)[None])
        merged = torch.cat(values)
        order = merged.sort(dim=0, descending=True, stable=True).indices[: self.k]
        value.copy_(merged.gather(0, order).view(value.shape))
        index.copy_(torch.cat(indices).gather(0, order).view(index.shape))


def _raised(bound: Tensor, maxima: Tensor, k: int) -> Tensor:
    """``bound`` (n,), raised to what the maxima (n, m) of disjoint parts say about the K-th best score.

    K parts reach their own maxima, so the K-th of these bounds it from below. Scores equal to it must stay
    in, hence the next float below.
    """
    if maxima.shape[1] < k:
        return bound
    floor = maxima.topk(k, dim=1).values[:, -1]
    return torch.maximum(bound, torch.nextafter(floor, floor.new_tensor(-torch.inf)))


def _by_owner(values: Tensor, owner: Tensor, count: int) -> Tensor:
    """Rows of ``values`` (n, d) side by side by ``owner`` (n,), ascending: (count, m * d), then -inf."""
    counts = torch.bincount(owner, minlength=count)
    slot = torch.arange(len(owner), device=owner.device) - (counts.cumsum(0) - counts)[owner]
    side = values.new_full((count, int(counts.max()), values.shape[1]), -torch.inf)
    side[owner, slot] = values
    return side.flatten(1)
