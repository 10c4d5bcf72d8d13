"""Matching at a stride above 1: patches unfolded in chunks, one GEMM for each pair of chunks.

Tap sums share work between neighbouring positions; at a stride there is little to share, and the plain
product over C * patch * patch values is both simpler and cheaper.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from refbench.matching.features import Features
from refbench.matching.operands import channel_factor, operand
from refbench.matching.plan import FLOAT, MIB
from refbench.matching.running import RunningBest, Tile
from refbench.matching.task import Task


def _patches(features: Features, top: int, bottom: int, patch: int, stride: int) -> Tensor:
    """Patches of grid rows [top, bottom): (C * patch * patch, rows * w')."""
    block = features.block(top * stride, (bottom - 1) * stride + patch, 0, features.width)
    return functional.unfold(block[None], patch, stride=stride)[0]


def stream_unfolded(task: Task, best: RunningBest) -> None:
    """Feed every score to ``best``; raises ValueError when one row against one row exceeds the memory."""
    query, reference, valid = task.query, task.reference, task.valid
    patch, stride, memory_mb = task.patch, task.stride, task.memory_mb
    depth = query.raw.shape[0] * patch**2 * channel_factor(task.precision)
    rows, width = task.grid
    reference_rows, reference_width = task.reference_grid
    budget = memory_mb * MIB / FLOAT
    # equal shares: query patches, reference patches (each with the block they are cut from) and scores
    query_rows = max(1, min(rows, int(budget / 3 / (2 * depth * width))))
    band = max(1, min(reference_rows, int(budget / 3 / (2 * depth * reference_width))))
    band = max(1, min(band, int(budget / 3 / (2 * query_rows * width * reference_width))))
    need = 2 * depth * (query_rows * width + band * reference_width)
    need += 2 * query_rows * width * band * reference_width
    if need > budget and (query_rows, band) == (1, 1):
        raise ValueError(
            f"memory_mb={memory_mb:g} is too little: this match needs {need * FLOAT / MIB:.1f} MB or more"
        )
    weight = task.inverse.float()
    for top in range(0, rows, query_rows):
        bottom = min(top + query_rows, rows)
        left = operand(_patches(query, top, bottom, patch, stride), task.precision, "query").t()
        for first in range(0, reference_rows, band):
            last = min(first + band, reference_rows)
            right = _patches(reference, first, last, patch, stride)
            scores = left @ operand(right, task.precision, "reference")
            scores = scores.mul_(weight[first:last].reshape(-1))
            if valid is not None:
                scores.masked_fill_(~valid[first:last].reshape(-1), -torch.inf)
            starts = torch.full((1,), first, device=scores.device)
            best.update(
                scores.view(1, bottom - top, width, last - first, reference_width),
                Tile(top, 0, width, starts, reference_width),
            )
