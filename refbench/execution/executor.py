"""The one interface between the runner and whatever carries out its tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from refbench.plan.job import CellJob, Task, TaskResult

OnResult = Callable[[TaskResult], None]


class Executor(Protocol):
    """Carries out tasks and hands back each result exactly once, in any order, on the caller's thread."""

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        """Run ``tasks`` (grouped by method, then cell, then sample). Exceptions inside one trial become
        error rows; UserError (a method that cannot be loaded) and KeyboardInterrupt reach the caller
        after the results already finished were handed over."""
        ...
