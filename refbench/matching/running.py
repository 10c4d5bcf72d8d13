"""The running K best per query position, fed with tiles of scores in ascending reference order.

Tiles come in the order of the reference index, and a later score wins only when strictly greater: that
is what sends ties to the lowest index, for every K and every tiling.
"""

from __future__ import annotations

import torch
from torch import Tensor


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

    def update(
        self, scores: Tensor, top: int, left: int, width: int, reference_row: int, grid_width: int
    ) -> None:
        """Merge one tile.

        scores: contiguous float32 (rows, wide, b, Wr): query positions (top.., left..) by reference
        positions in rows ``reference_row``... Only the first ``width`` of ``wide`` columns are positions,
        and only the first ``grid_width`` of Wr; the others must hold -inf (Wr) or anything (wide).
        """
        rows, wide, chunk, reference_width = scores.shape
        flat = scores.view(rows * wide, chunk * reference_width)
        best = torch.amax(flat, 1).view(rows, wide)[:, :width]
        bound = self.value[self.k - 1, top : top + rows, left : left + width]
        if not self.sparse:
            kept = scores[:, :width].reshape(rows * width, -1)
            self._dense(kept, (top, left, rows, width), reference_row, grid_width, reference_width)
            return
        hits = torch.nonzero(best > bound)
        if hits.shape[0] == 0:
            return
        dy, dx = hits[:, 0], hits[:, 1]
        position = (dy + top) * self.grid[1] + (dx + left)
        row = dy * wide + dx
        if self.k == 1:
            self._sparse_one(flat, row, position, chunk, reference_width, reference_row, grid_width)
        else:
            self._sparse_many(flat, row, position, chunk, reference_width, reference_row, grid_width)

    def _sparse_one(
        self, flat: Tensor, row: Tensor, position: Tensor, chunk: int, wide: int, first: int, grid_width: int
    ) -> None:
        # argmax over long rows is not vectorised in torch: find the reference row by amax first
        chosen = flat.index_select(0, row).view(-1, chunk, wide)
        y = chosen.amax(2).argmax(1)
        line = chosen[torch.arange(len(row), device=row.device), y]
        value, x = line.max(1)
        self.value.view(-1)[position] = value
        self.index.view(-1)[position] = (y + first) * grid_width + x

    def _sparse_many(
        self, flat: Tensor, row: Tensor, position: Tensor, chunk: int, wide: int, first: int, grid_width: int
    ) -> None:
        k, count = self.k, len(row)
        chosen = flat.index_select(0, row).view(count, chunk, wide)
        old_value = self.value.view(k, -1)[:, position].t()
        old_index = self.index.view(k, -1)[:, position].t()
        line_best = chosen.amax(2)
        bound = old_value[:, -1:]
        keep = line_best > bound
        if chunk >= k:
            # K lines reach their own maxima, so the K-th of these bounds the K-th score from below
            floor = line_best.topk(k, dim=1).values[:, -1:]
            keep &= line_best >= floor
        else:
            floor = torch.full_like(bound, -torch.inf)
        which, y = torch.nonzero(keep, as_tuple=True)
        lines = chosen[which, y]
        good = (lines > bound[which]) & (lines >= floor[which])
        line, x = torch.nonzero(good, as_tuple=True)
        owner = which[line]
        counts = torch.bincount(owner, minlength=count)
        starts = counts.cumsum(0) - counts
        slot = torch.arange(len(owner), device=owner.device) - starts[owner] + k
        value = old_value.new_full((count, k + int(counts.max())), -torch.inf)
        index = torch.full(value.shape, -1, dtype=torch.int64, device=row.device)
        value[:, :k], index[:, :k] = old_value, old_index
        value[owner, slot] = lines[line, x]
        index[owner, slot] = (y[line] + first) * grid_width + x
        order = value.sort(dim=1, descending=True, stable=True).indices[:, :k]
        self.value.view(k, -1)[:, position] = value.gather(1, order).t()
        self.index.view(k, -1)[:, position] = index.gather(1, order).t()

    def _dense(
        self,
        scores: Tensor,
        place: tuple[int, int, int, int],
        first: int,
        grid_width: int,
        reference_width: int,
    ) -> None:
        top, left, rows, width = place
        value = self.value[:, top : top + rows, left : left + width]
        index = self.index[:, top : top + rows, left : left + width]
        values, indices = [value.reshape(self.k, -1)], [index.reshape(self.k, -1)]
        for rank in range(min(self.k, scores.shape[1])):
            best, column = scores.max(1)
            if rank + 1 < self.k:
                scores.scatter_(1, column[:, None], -torch.inf)
            values.append(best[None])
            y = torch.div(column, reference_width, rounding_mode="floor")
            indices.append(((y + first) * grid_width + column % reference_width)[None])
        merged = torch.cat(values)
        order = merged.sort(dim=0, descending=True, stable=True).indices[: self.k]
        value.copy_(merged.gather(0, order).view(value.shape))
        index.copy_(torch.cat(indices).gather(0, order).view(index.shape))
