"""Which trials are still to be handed out, and what becomes of one that was lost with its worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from refbench.errors import UserError
from refbench.execution.executor import OnResult
from refbench.plan.job import Task, TaskResult
from refbench.store.row import SampleRow


class Retries:
    """The waiting trials of a pool of workers. Every trial ends in exactly one result: its own, or an error
    row once it was lost more often than it may be tried again."""

    def __init__(self, tasks: Sequence[Task], retries: int, on_result: OnResult) -> None:
        """retries: further tries of a trial whose worker died or was overdue."""
        self._waiting = deque(tasks)
        self._retries = retries
        self._on_result = on_result
        self._lost: dict[Task, int] = {}

    def __len__(self) -> int:
        """How many trials wait to be handed out."""
        return len(self._waiting)

    def take(self) -> Task:
        """The next trial to hand out; IndexError when none waits."""
        return self._waiting.popleft()

    def finished(self, result: TaskResult) -> None:
        """Hand on a result, with the number of tries that it took."""
        lost = self._lost.pop(result.task, 0)
        self._on_result(replace(result, row=replace(result.row, attempts=lost + 1)) if lost else result)

    def lost(self, task: Task, kind: str, text: str) -> None:
        """A try came to nothing because of the worker: try again, or record ``text`` as an error row.

        kind: class of the error for counting (``killed``, ``timeout``).
        """
        lost = self._lost[task] = self._lost.get(task, 0) + 1
        if lost <= self._retries:
            self._waiting.appendleft(task)
            return
        del self._lost[task]
        row = SampleRow(task.sample_id, task.draw, "error", error=text, error_kind=kind, attempts=lost)
        self._on_result(TaskResult(task, row))


def check_pool(workers: int | None, timeout: float | None, retries: int) -> None:
    """What every pool of workers refuses. Raises UserError naming the key."""
    if workers is not None and workers < 1:
        raise UserError(f"executor.workers={workers}: at least 1 process is needed")
    if timeout is not None and timeout <= 0:
        raise UserError(f"executor.timeout={timeout}: give seconds above 0, or leave it out")
    if retries < 0:
        raise UserError(f"executor.retries={retries}: give 0 or more")
