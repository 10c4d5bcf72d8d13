"""What an unknown net needs of memory: measured on a small image, since nothing else tells."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from refbench.tiling import Pass

UPSCALE = "upscale"
PROBE = 64
"""LR pixels a side: at least one window of every architecture's attention."""
SLACK = 1.5
"""For what operators reserve inside, which the probe does not see."""


def passes(size: tuple[int, int], scale: int, need: float, multiple: int, overlap: int) -> list[Pass]:
    """The one pass of a call on an LR image of ``size``; ``need``: bytes per LR pixel."""
    pixels = size[0] * size[1]
    # LR, SR of the whole and its 8-bit copies
    held = pixels * 4.0 * 3 * (1 + 2 * scale**2)
    return [Pass(UPSCALE, size, need, held, overlap, align=max(1, multiple))]


class _Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the storages that operators return, each counted once while a tensor refers to it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._users: dict[int, int] = {}
        self._bytes: dict[int, int] = {}
        self.now: int = 0
        self.most: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._see(tensor)
        return out

    def _see(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        place, count = storage.data_ptr(), storage.nbytes()
        if not self._users.get(place):
            self._bytes[place] = count
            self.now += count
            self.most = max(self.most, self.now)
        self._users[place] = self._users.get(place, 0) + 1
        weakref.finalize(tensor, self._gone, place)

    def _gone(self, place: int) -> None:
        self._users[place] -= 1
        if self._users[place] == 0:
            self.now -= self._bytes.pop(place)


def measured_need(net: Any, device: torch.device) -> float:
    """Bytes of working memory per LR pixel of a spandrel net, with some slack."""
    side = max(PROBE, int(net.size_requirements.minimum))
    with _Live() as live, torch.inference_mode():
        net(torch.zeros(1, 3, side, side, device=device))
    most: int = live.most
    return SLACK * most / (side * side)
