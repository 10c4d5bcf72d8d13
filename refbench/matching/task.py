"""One matching task: what the exact search and the approximations work on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from refbench.matching.features import Features
from refbench.matching.operands import channel_factor
from refbench.matching.plan import Problem


@dataclass(frozen=True)
class Task:
    """Query and reference features of one item, ready to be searched.

    Scores are inner products of patches times ``inverse``; the query patch's norm is the caller's.
    """

    query: Features
    reference: Features
    inverse: Tensor
    """float64 (hr', wr'): 1 / guarded norm of every reference patch."""
    valid: Tensor | None
    """bool (hr', wr'), or None when every reference position may be matched."""
    patch: int
    stride: int
    memory_mb: float
    precision: str = "fp32"

    @property
    def grid(self) -> tuple[int, int]:
        """(h', w') of the query."""
        height, width = self.query.patch_norm.shape
        return height, width

    @property
    def reference_grid(self) -> tuple[int, int]:
        """(hr', wr') of the reference."""
        height, width = self.inverse.shape
        return height, width

    @property
    def device(self) -> torch.device:
        """Where the features are."""
        return self.query.raw.device

    @property
    def problem(self) -> Problem:
        """Sizes in pixels, padding included."""
        query, reference = self.query, self.reference
        channels = query.raw.shape[0] * channel_factor(self.precision)
        return Problem(channels, (query.height, query.width), (reference.height, reference.width), self.patch)


def reads_back(device: torch.device) -> bool:
    """Whether looking at intermediate values is free, which it is not where it waits for a queue."""
    return device.type == "cpu"
