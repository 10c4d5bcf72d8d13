"""Exact float32 scores of given candidates, and the K best of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from refbench.matching.features import Features
from refbench.matching.fused_use import apart, plain_path, refused, self_check_task
from refbench.matching.plan import FLOAT, MIB
from refbench.matching.task import Task

CHUNK_MB = 8.0
"""Gathered pixels of one step: near the cache, where gathering is cheapest."""
CARD_CHUNK_MB = 48.0
"""The same on CUDA without Triton, where a step costs some fifty launches whatever its size."""
BLOCK_CHANNELS = 128
"""Channels that one program of the kernel multiplies at a time."""

Scores = Callable[[Tensor], Tensor]
"""float32 (n, positions) of candidates int64 (n, positions): every position of the query grid."""


class Scorer:
    """Scores candidates of one task in float32.

    Holds both maps pixel by pixel, (H * W, C): a gather then copies whole runs of C values, at the price
    of one copy of each map. On CUDA one kernel scores all candidates in one launch and gathers nothing.
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
        return self._best_of(index, k, self._launched if _launches(index.device) else self._gathered)

    def _best_of(self, index: Tensor, k: int, scores: Scores) -> tuple[Tensor, Tensor]:
        count, height, width = index.shape
        # ascending candidates make repeats neighbours, and a stable sort then breaks ties downwards
        candidates = index.reshape(count, -1).sort(dim=0).values
        score = scores(candidates)
        score[1:].masked_fill_(candidates[1:] == candidates[:-1], -torch.inf)
        order = score.sort(dim=0, descending=True, stable=True).indices[:k]
        best = score.gather(0, order)
        kept = candidates.gather(0, order).masked_fill_(best == -torch.inf, -1)
        return best.view(k, height, width), kept.view(k, height, width)

    def _launched(self, candidates: Tensor) -> Tensor:
        """By the kernel: on the card, or in Triton's interpreter."""
        from refbench.matching.scoring_kernel import score_candidates_kernel

        task = self.task
        count, positions = candidates.shape
        channels = self.query.shape[1]
        weight = task.inverse.float()
        weight = weight if task.valid is None else torch.where(task.valid, weight, -1.0)
        score = torch.empty(candidates.shape, device=candidates.device)
        score_candidates_kernel[(positions,)](
            self.query,
            self.reference,
            weight.contiguous(),
            candidates.contiguous(),
            score,
            positions,
            channels,
            task.grid[1],
            task.query.width,
            task.reference_grid[1],
            task.reference.width,
            task.inverse.numel(),
            task.stride,
            COUNT=count,
            PATCH=task.patch,
            BLOCK_N=_power_of_two(count),
            BLOCK_C=min(BLOCK_CHANNELS, _power_of_two(channels)),
            num_warps=1 if count <= 8 else 4,
        )
        return score

    def _gathered(self, candidates: Tensor) -> Tensor:
        """By tensor operations alone, some positions at a time."""
        count, positions = candidates.shape
        chunk = CARD_CHUNK_MB if candidates.is_cuda else CHUNK_MB
        size = max(1, int(chunk * MIB / (FLOAT * self.query.shape[1] * (count + 1))))
        every = torch.arange(positions, device=candidates.device)
        steps = [slice(start, start + size) for start in range(0, positions, size)]
        return torch.cat([self._score(every[step], candidates[:, step]) for step in steps], 1)

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


@lru_cache
def _refusal(device: torch.device) -> str | None:
    """Why candidates are not scored in one launch on ``device``, said once per process; None: they are."""
    return refused(device, "scoring of candidates", lambda: disagreement(device))


def _launches(device: torch.device) -> bool:
    return device.type == "cuda" and not plain_path() and _refusal(device) is None


def disagreement(device: torch.device) -> str | None:
    """How the kernel's result differs from the gathers' on a small problem; None where they agree.

    Features are whole numbers, so that sums are exact in every order and many scores tie.
    """
    for k, masked in ((1, False), (3, True)):
        scorer = Scorer(self_check_task(device, masked=masked))
        rng = torch.Generator().manual_seed(1)
        total = scorer.task.inverse.numel()
        index = torch.randint(-1, total, (k + 3, *scorer.task.grid), generator=rng).to(device)
        launched, gathered = (
            scorer._best_of(index, k, scores) for scores in (scorer._launched, scorer._gathered)
        )
        if said := apart(launched, gathered, k):
            return said
    return None


def _power_of_two(count: int) -> int:
    """The least power of two that is not below ``count``."""
    return 1 << (count - 1).bit_length()


def _pixel_major(features: Features) -> Tensor:
    whole = features.block(0, features.height, 0, features.width)
    return whole.flatten(1).t().contiguous()


def _pixel(index: Tensor, columns: int, width: int, stride: int) -> Tensor:
    """Row-major pixel of the top-left corner of row-major grid positions, in a map ``width`` wide."""
    y = torch.div(index, columns, rounding_mode="floor")
    return y * stride * width + (index - y * columns) * stride
