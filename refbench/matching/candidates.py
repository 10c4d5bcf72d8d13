"""Exact float32 scores of given candidates, and the K best of them."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.matching.features import Features
from refbench.matching.plan import FLOAT, MIB
from refbench.matching.task import Task

CHUNK_MB = 8.0
"""Gathered pixels of one step: near the cache, where gathering is cheapest."""
CARD_CHUNK_MB = 48.0
"""The same on CUDA, where a step costs some fifty launches whatever its size."""


class Scorer:
    """Scores candidates of one task in float32.

    Holds both maps pixel by pixel, (H * W, C): a gather then copies whole runs of C values, at the price
    of one copy of each map.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.query = _pixel_major(task.query)
        self.reference = _pixel_major(task.reference)

    def best_of(self, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Score candidates and keep the K best: (score float32, index int64), both (k, h', w').

        index: int64 (n, h', w'), n >= k candidates for every query position, repeats and -1 (none)
        allowed. Ties go to the lowest index. Where fewer than K distinct valid candidates are offered, the
        rest is -inf and -1.
        """
        count, height, width = index.shape
        flat = index.reshape(count, -1)
        chunk = CARD_CHUNK_MB if index.is_cuda else CHUNK_MB
        size = max(1, int(chunk * MIB / (FLOAT * self.query.shape[1] * (count + 1))))
        scores, kept = [], []
        for start in range(0, height * width, size):
            # ascending candidates make repeats neighbours, and a stable sort then breaks ties downwards
            candidates = flat[:, start : start + size].sort(dim=0).values
            positions = torch.arange(start, start + candidates.shape[1], device=index.device)
            score = self._score(positions, candidates)
            score[1:].masked_fill_(candidates[1:] == candidates[:-1], -torch.inf)
            order = score.sort(dim=0, descending=True, stable=True).indices[:k]
            best = score.gather(0, order)
            scores.append(best)
            kept.append(candidates.gather(0, order).masked_fill_(best == -torch.inf, -1))
        return torch.cat(scores, 1).view(k, height, width), torch.cat(kept, 1).view(k, height, width)

    def _score(self, positions: Tensor, candidates: Tensor) -> Tensor:
        """float32 (n, m): weighted scores of candidates (n, m) for positions (m,); -inf where invalid."""
        task = self.task
        inside = (candidates >= 0) & (candidates < task.inverse.numel())
        wanted = torch.where(inside, candidates, 0)
        query_width, reference_width = task.query.width, task.reference.width
        p = _pixel(positions, task.grid[1], query_width, task.stride)
        q = _pixel(wanted.reshape(-1), task.reference_grid[1], reference_width, task.stride)
        total = torch.zeros(candidates.shape, device=candidates.device)
        for i in range(task.patch):
            for j in range(task.patch):
                f = self.query.index_select(0, p + (i * query_width + j))
                g = self.reference.index_select(0, q + (i * reference_width + j))
                total += g.view(*candidates.shape, -1).mul_(f).sum(-1)
        total *= task.inverse.view(-1)[wanted].float()
        if task.valid is not None:
            inside = inside & task.valid.reshape(-1)[wanted]
        return total.masked_fill_(~inside, -torch.inf)


def best_of(task: Task, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """:meth:`Scorer.best_of` for a single call."""
    return Scorer(task).best_of(index, k)


def _pixel_major(features: Features) -> Tensor:
    whole = features.block(0, features.height, 0, features.width)
    return whole.flatten(1).t().contiguous()


def _pixel(index: Tensor, columns: int, width: int, stride: int) -> Tensor:
    """Row-major pixel of the top-left corner of row-major grid positions, in a map ``width`` wide."""
    y = torch.div(index, columns, rounding_mode="floor")
    return y * stride * width + (index - y * columns) * stride
