"""What to do when the memory ran out: which errors say so, and what a second, tiled attempt may use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from refbench.tiling.passes import MIB

if TYPE_CHECKING:
    import torch

UNKNOWN = 2048 * MIB
"""Allowed where the system does not say what is free."""
SHARE = 0.6
"""Of the free memory: other work on the machine goes on."""


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out: CUDA's, Python's, or the CPU allocator's."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = " ".join(str(part) for part in error.args).lower()
    return "out of memory" in text or "can't allocate memory" in text


def tiled_limit(device: torch.device, limit: int | None) -> int:
    """Bytes for the second attempt: a share of what is free now, and at most half of what was allowed."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
        free, total = torch.cuda.mem_get_info(device)
        # what the process was allowed may be less than what is there
        share = torch.cuda.get_per_process_memory_fraction(device)
        free = min(free, max(0, int(share * total) - torch.cuda.memory_allocated(device)))
    else:
        free = _available()
    bound = int(SHARE * free)
    return bound if limit is None else min(bound, limit // 2)


def _available() -> int:
    """Bytes that Linux would give to a process without swapping."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return UNKNOWN
