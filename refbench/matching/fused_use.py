"""Whether the kernels for CUDA are used: Triton, and a self-check that agrees with the plain path."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from refbench.matching.features import Features, prepare
from refbench.matching.fused import (
    K_MOST,
    Blocks,
    Launcher,
    Slabs,
    fused_bytes,
    fused_search,
    plan_slabs,
    slab_problem,
    triton_launch,
)
from refbench.matching.plan import MIB
from refbench.matching.task import Task

Search = Callable[[Task, int], tuple[Tensor, Tensor]]
WAVES = 4
"""Programs of the kernel for each multiprocessor: what hides the latency of its loads."""

_off: ContextVar[bool] = ContextVar("refbench_match_plain_only", default=False)


@contextmanager
def plain_only() -> Iterator[None]:
    """The plain path within this block (this thread only): what the fused one is compared with."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def plain_path() -> bool:
    """Whether :func:`plain_only` is in force."""
    return _off.get()


def try_fused(task: Task, k: int, plain: Search) -> tuple[Tensor, Tensor] | None:
    """The fused search's result, or None where it does not apply and ``plain`` is to be used.

    It applies on CUDA at stride 1, up to K = 8, where it fits into ``memory_mb`` and :func:`refusal` has
    nothing against it; a refusal is said once for each device.
    """
    if task.device.type != "cuda" or task.stride > 1 or k > K_MOST or plain_path():
        return None
    problem = slab_problem(task)
    slabs = plan_slabs(problem, task.memory_mb)
    if slabs is None or refusal(task.device, plain, task.precision) is not None:
        return None
    splits = splits_for(task, k, slabs, multiprocessors(task.device))
    if fused_bytes(problem, k, splits, slabs) > task.memory_mb * MIB:
        splits = 1
    return fused_search(task, k, slabs, splits=splits)


def splits_for(task: Task, k: int, slabs: Slabs, processors: int) -> int:
    """Parts of a reference band that give each multiprocessor WAVES programs, of 16 blocks or more each."""
    blocks = Blocks.of(k)
    programs = -(-slabs.rows * slabs.columns // blocks.positions)
    work = slabs.band * task.reference.width // (16 * blocks.references)
    return max(1, min(-(-WAVES * processors // programs), work))


@lru_cache
def multiprocessors(device: torch.device) -> int:
    """Of a CUDA device."""
    count: int = torch.cuda.get_device_properties(device).multi_processor_count
    return count


@lru_cache
def refusal(device: torch.device, plain: Search, precision: str = "fp32") -> str | None:
    """Why the fused matcher is not used on ``device``, said once per process; None where it is used.

    Each precision has a check of its own: its GEMM and its kernel are others.
    """
    what = "matching" if precision == "fp32" else f"matching in {precision}"
    return refused(device, what, lambda: disagreement(device, plain, precision=precision))


def refused(device: torch.device, what: str, check: Callable[[], str | None]) -> str | None:
    """Why Triton's kernel for ``what`` is not used on ``device``, with a warning; None where it is.

    check: how the kernel differs from the plain path on a small problem, or None.
    """
    reason = "Triton is not installed" if importlib.util.find_spec("triton") is None else None
    if reason is None:
        try:
            reason = check()
        except Exception as error:  # a compiler, a driver, a version: whatever it is, the plain path works
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if reason is not None:
        warnings.warn(
            f"{what} on {device} takes the plain path, the fused one is not used: {reason}", stacklevel=3
        )
    return reason


def self_check_task(device: torch.device, *, masked: bool) -> Task:
    """A small matching problem of whole-number features, the same on every call."""
    rng = torch.Generator().manual_seed(0)

    def features(height: int, width: int) -> Features:
        whole = torch.randint(-2, 3, (8, height, width), generator=rng).float().to(device)
        return prepare(whole, name="self-check", patch=3, stride=1, padding=0, per_pixel=False)

    query, reference = features(9, 11), features(10, 9)
    valid = (torch.rand(8, 7, generator=rng) < 0.8).to(device)
    # one norm for all of them, or ties between patches would be rare
    inverse = torch.full((8, 7), 1 / 3, dtype=torch.float64, device=device)
    return Task(query, reference, inverse, valid if masked else None, 3, 1, 64.0)


def disagreement(
    device: torch.device,
    plain: Search,
    launch: Launcher = triton_launch,
    blocks: Blocks | None = None,
    precision: str = "fp32",
) -> str | None:
    """How the fused search differs from ``plain`` on a small random problem; None where they agree.

    Features are small whole numbers, so every sum is exact in every precision and order: scores must be
    the same to the last bit but for the weighing, and indices the same everywhere, many ties included.
    """
    for k, masked in ((1, False), (4, True)):
        task = replace(self_check_task(device, masked=masked), precision=precision)
        score, index = plain(task, k)
        for slabs, splits in ((Slabs(9, 8, 7), 2), (Slabs(5, 3, 2), 1)):
            other, other_index = fused_search(task, k, slabs, splits=splits, blocks=blocks, launch=launch)
            if said := apart((other, other_index), (score, index), k):
                return said
    return None


def apart(found: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor], k: int) -> str | None:
    """How (score, index) of a self-check differ; None where they agree. Where nothing was found is -inf."""
    differ = int((found[1] != wanted[1]).sum())
    if differ:
        return f"{differ} of {wanted[1].numel()} indices of the self-check differ (K={k})"
    gap = (found[0] - wanted[0]).abs().masked_fill(found[0] == wanted[0], 0.0)
    if not float(gap.max()) <= 1e-5:
        return f"scores of the self-check differ by {float(gap.max()):.1e} (K={k})"
    return None
