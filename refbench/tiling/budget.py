"""The memory that a method may use for one image, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from refbench.tiling.passes import MIB, Pass, plan, usable
from refbench.tiling.windows import Cut


class Budget:
    """``limit`` bytes for one call of a method; ``tiles`` says afterwards how often each pass ran."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tiles: dict[str, int] = {}
        """Pass -> number of windows; 1 is the whole image. Empty: the method did not look at the limit."""
        self._cuts: dict[tuple[str, tuple[int, int]], Cut] = {}
        self._held: dict[str, float] = {}

    def prepare(self, passes: Sequence[Pass]) -> None:
        """Plan every pass. Raises TooLittleMemory before anything is computed."""
        self._cuts.update(plan(passes, self.limit))
        for one in passes:
            self._held[one.name] = max(self._held.get(one.name, 0.0), one.held)
            count = self._cuts[one.name, one.size].count
            self.tiles[one.name] = max(self.tiles.get(one.name, 0), count)

    def cut(self, name: str, size: tuple[int, int]) -> Cut | None:
        """The planned cut of a pass over a grid of ``size``; None: the whole at once."""
        return self._cuts.get((name, size))

    def left(self, name: str) -> float:
        """Bytes in addition to what the pass ``name`` holds."""
        return usable(self.limit) - self._held.get(name, 0.0)


_active: ContextVar[Budget | None] = ContextVar("refbench_memory_budget", default=None)


def active() -> Budget | None:
    """The budget of the enclosing block."""
    return _active.get()


@contextmanager
def bounded(limit: int | None) -> Iterator[Budget | None]:
    """Methods called inside keep their memory within ``limit`` bytes (this thread only); None: no limit."""
    if limit is None:
        yield None
        return
    budget = Budget(limit)
    token = _active.set(budget)
    try:
        yield budget
    finally:
        _active.reset(token)


def plan_passes(passes: Callable[[], Sequence[Pass]]) -> None:
    """Plan what ``passes`` returns where a limit is set. Raises TooLittleMemory."""
    budget = _active.get()
    if budget is not None:
        budget.prepare(passes())


def share_mb(name: str, most: float = 256.0) -> float:
    """MiB that a step with a bound of its own (matching) may use: ``most``, or less under a limit."""
    budget = _active.get()
    return most if budget is None else min(most, budget.left(name) / MIB)
