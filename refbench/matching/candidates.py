"""Exact float32 scores of given candidates, and the K best of them."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.matching.plan import FLOAT, MIB
from refbench.matching.task import Task


def best_of(task: Task, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Score candidates and keep the K best: (score float32, index int64), both (k, h', w').

    index: int64 (n, h', w'), n >= k candidates for every query position, repeats and -1 (none) allowed.
    Ties go to the lowest index. Positions with fewer than K distinct valid candidates get -inf and -1.
    """
    count, height, width = index.shape
    flat = index.view(count, -1)
    scores, kept = [], []
    for start, stop in _chunks(task, count, height * width):
        positions = torch.arange(start, stop, device=index.device)
        # ascending candidates make repeats neighbours, and a stable sort then breaks ties downwards
        candidates = flat[:, start:stop].sort(dim=0).values
        score = _score(task, positions, candidates)
        score[1:].masked_fill_(candidates[1:] == candidates[:-1], -torch.inf)
        order = score.sort(dim=0, descending=True, stable=True).indices[:k]
        best = score.gather(0, order)
        scores.append(best)
        kept.append(candidates.gather(0, order).masked_fill_(best == -torch.inf, -1))
    return torch.cat(scores, 1).view(k, height, width), torch.cat(kept, 1).view(k, height, width)


def _chunks(task: Task, count: int, total: int) -> list[tuple[int, int]]:
    """Ranges of query positions whose gathered pixels fit in the task's memory, and about in the cache."""
    position_bytes = FLOAT * task.query.raw.shape[0] * (2 * count + 1)
    size = max(1, int(min(task.memory_mb, 64.0) * MIB / position_bytes))
    return [(start, min(start + size, total)) for start in range(0, total, size)]


def _score(task: Task, positions: Tensor, candidates: Tensor) -> Tensor:
    """float32 (n, m): weighted scores of candidates (n, m) for query positions (m,); -inf where invalid."""
    count, many = candidates.shape
    columns, reference_columns = task.grid[1], task.reference_grid[1]
    inside = (candidates >= 0) & (candidates < task.inverse.numel())
    wanted = torch.where(inside, candidates, 0)
    y, x = _place(positions, columns, task.stride)
    v, u = _place(wanted.reshape(-1), reference_columns, task.stride)
    total = torch.zeros(count, many, device=candidates.device)
    for i in range(task.patch):
        for j in range(task.patch):
            f = task.query.pixels(y + i, x + j)
            g = task.reference.pixels(v + i, u + j).view(-1, count, many)
            total += g.mul_(f[:, None]).sum(0)
    total *= task.inverse.view(-1)[wanted].float()
    if task.valid is not None:
        inside = inside & task.valid.reshape(-1)[wanted]
    return total.masked_fill_(~inside, -torch.inf)


def _place(index: Tensor, columns: int, stride: int) -> tuple[Tensor, Tensor]:
    """Top-left pixel (y, x), in the padded map, of row-major grid positions."""
    y = torch.div(index, columns, rounding_mode="floor")
    return y * stride, (index - y * columns) * stride
