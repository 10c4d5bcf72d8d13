"""Checks of values on the device, without waiting for them in the middle of a forward pass.

Reading one value back makes the host wait for everything that the device has queued. Within
:func:`deferred_checks` conditions are therefore collected, and read all together at its end, where the SR
image is read as well. On the CPU, and outside of such a block, a check is made where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_pending: ContextVar[list[tuple[Tensor, str]] | None] = ContextVar("refbench_match_checks", default=None)


@contextmanager
def deferred_checks() -> Iterator[None]:
    """Read the conditions of :func:`require` at the end of this block (this thread only); ValueError there.

    An error inside the block goes first: what was collected is then dropped.
    """
    if _pending.get() is not None:
        # the outer block reads them
        yield
        return
    pending: list[tuple[Tensor, str]] = []
    token = _pending.set(pending)
    try:
        yield
    finally:
        _pending.reset(token)
    if not pending:
        return
    held = torch.stack([condition for condition, _ in pending]).tolist()
    for (_, message), holds in zip(pending, held, strict=True):
        if not holds:
            raise ValueError(message)


def waits(device: torch.device) -> bool:
    """Whether reading a value of ``device`` now has to wait for a queue and can be put off."""
    return device.type != "cpu" and _pending.get() is not None


def require(condition: Tensor, message: str) -> None:
    """ValueError with ``message`` unless ``condition`` (bool scalar) holds: now, or at the block's end."""
    pending = _pending.get()
    if pending is not None and condition.device.type != "cpu":
        pending.append((condition, message))
    elif not bool(condition):
        raise ValueError(message)
