"""PatchMatch (Barnes et al. 2009) with all positions updated at once: propagation and random search."""

from __future__ import annotations

import torch
from torch import Tensor

from refbench.matching.candidates import Scorer
from refbench.matching.task import Task

ITERATIONS = 6
SEED = 0


def patchmatch(task: Task, k: int) -> tuple[Tensor, Tensor]:
    """(score, index), both (k, h', w'); the same input always gives the same result.

    Each iteration offers every position its own K best, what its neighbours at a distance would
    propagate to it (distances 8, 4, 2, 1 as in jump flooding), and random positions at shrinking radii.
    """
    rows, columns = task.reference_grid
    height, width = task.grid
    total = rows * columns
    generator = torch.Generator().manual_seed(SEED)
    y = torch.arange(height, device=task.device)[:, None]
    x = torch.arange(width, device=task.device)
    first = torch.randint(total, (1, height, width), generator=generator).to(task.device)
    # K different starts for every position
    index = (first + torch.arange(k, device=task.device).view(-1, 1, 1)) % total
    scorer = Scorer(task)
    score = torch.empty(k, height, width, device=task.device)
    for iteration in range(ITERATIONS):
        offers = [index]
        step = max(1, 8 >> iteration)
        for down, right in ((step, 0), (-step, 0), (0, step), (0, -step)):
            from_y, from_x = (y - down).clamp(0, height - 1), (x - right).clamp(0, width - 1)
            near = index[:1, from_y, from_x]
            v = torch.div(near, columns, rounding_mode="floor") + (y - from_y)
            u = near % columns + (x - from_x)
            offers.append(v.clamp(0, rows - 1) * columns + u.clamp(0, columns - 1))
        radius = max(rows, columns)
        while radius > 1:
            shift = torch.rand(2, height, width, generator=generator).to(task.device) * 2 - 1
            shift = (shift * radius).round_().long()
            v = (torch.div(index[0], columns, rounding_mode="floor") + shift[0]).clamp(0, rows - 1)
            u = (index[0] % columns + shift[1]).clamp(0, columns - 1)
            offers.append((v * columns + u)[None])
            radius //= 3
        score, index = scorer.best_of(torch.cat(offers), k)
    return score, index
