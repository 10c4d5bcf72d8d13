"""The exact search over all reference positions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from refbench.matching.candidates import best_of
from refbench.matching.fused_use import try_fused
from refbench.matching.operands import within_range
from refbench.matching.plan import plan
from refbench.matching.running import RunningBest
from refbench.matching.stream import stream
from refbench.matching.strided import stream_unfolded
from refbench.matching.task import Task, reads_back

EQUAL_WEIGHTS = 4e-7
"""Relative spread of the reference patch norms below which they are rounding noise of one value."""
SPARE = 3
"""Runners-up that a reduced-precision search hands to the float32 re-rank in addition to the K asked for."""


@contextmanager
def _matmul_tf32(allowed: bool) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def search(task: Task, k: int) -> tuple[Tensor, Tensor]:
    """(score float32, index int64), both (k, h', w'), best first.

    With any ``precision`` but fp32 the pixel products are made of rounded features (on CUDA by
    tensor cores); the best k + 3 are then scored again in float32. The result is as exact as float32's
    wherever the best K are among those. On CUDA the fused matcher is used where it can be, see
    :mod:`.fused_use`.
    """
    if task.precision == "fp32":
        with _matmul_tf32(False):
            return _search(task, k)
    reduced = replace(
        task,
        query=within_range(task.query, task.precision),
        reference=within_range(task.reference, task.precision),
    )
    with _matmul_tf32(True):
        _, index = _search(reduced, min(k + SPARE, task.inverse.numel()))
    return best_of(replace(task, precision="fp32"), index, k)


def _search(task: Task, k: int) -> tuple[Tensor, Tensor]:
    found = try_fused(task, k, plain_search)
    return plain_search(task, k) if found is None else found


def plain_search(task: Task, k: int) -> tuple[Tensor, Tensor]:
    """The search by tensor operations alone: on every device, at every stride, for every K."""
    cpu = reads_back(task.device)
    best = RunningBest(task.grid, k, task.device, sparse=cpu)
    if task.stride > 1:
        stream_unfolded(task, best)
        return best.value, best.index
    # one read-back that spares a pass over all scores; on CUDA the pass is cheaper than the wait
    equal = cpu and task.valid is None
    equal = equal and bool(task.inverse.min() >= task.inverse.max() * (1 - EQUAL_WEIGHTS))
    tiles = plan(task.problem, task.memory_mb, k=k, cuda=not cpu, threads=torch.get_num_threads())
    weight, penalty = (None, None) if equal else _weights(task)
    stream(task, weight, penalty, tiles, best)
    return (best.value * task.inverse.mean().float() if equal else best.value), best.index


def _weights(task: Task) -> tuple[Tensor, Tensor]:
    """(weight, penalty), float32 (hr', Wr): columns beyond the grid and masked positions score -inf."""
    rows, columns = task.reference_grid
    weight = torch.zeros(rows, task.reference.width, device=task.device)
    weight[:, :columns] = task.inverse
    penalty = torch.full_like(weight, -torch.inf)
    penalty[:, :columns] = 0.0 if task.valid is None else torch.where(task.valid, 0.0, -torch.inf)
    return weight, penalty
