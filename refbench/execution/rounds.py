"""Trials that ended as an error row are carried out again after all others, a bounded number of times.

What keeps one trial from working is often gone a while later: a network path that came back, memory that
another process had. Each try leaves its row on disk at once, so nobody waits for an error to be shown, and a
kill in between loses nothing; of a trial's rows the last one counts, and an ``ok`` row before any error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from refbench.execution.executor import Executor, OnResult
from refbench.plan.job import CellJob, Task, TaskResult

RETRIES = 2
"""Further tries of a failed trial where ``executor.retries`` says nothing else."""
FEW = 8
"""Up to so many failures of a cell are always tried again."""


def run_in_rounds(
    executor: Executor,
    cells: Mapping[str, CellJob],
    tasks: Sequence[Task],
    retries: int,
    on_result: OnResult,
    on_round: Callable[[Sequence[Task]], None],
) -> None:
    """Carry out ``tasks``; each result reaches ``on_result`` with the tries that the trial took so far.

    A trial is tried at most ``retries + 1`` times, those included that its executor counted (a worker that
    died). ``on_round`` is told which trials start again. Raises what the executor raises.
    """
    tries: dict[Task, int] = {}
    errors: dict[Task, str] = {}
    worked: set[str] = set()
    failed: set[Task] = set()
    blamed: set[Task] = set()

    def take(result: TaskResult) -> None:
        count = tries.get(result.task, 0) + result.row.attempts
        tries[result.task] = count
        if result.row.ok:
            worked.add(result.task.cell)
        elif result.row.error_kind == "method":
            blamed.add(result.task)
        if not result.row.ok and count <= retries and not settled(result, errors.get(result.task)):
            failed.add(result.task)
            errors[result.task] = result.row.error
        on_result(replace(result, row=replace(result.row, attempts=count)))

    waiting = list(tasks)
    while waiting:
        failed.clear()
        blamed.clear()
        executor.run(cells, waiting, take)
        # a method of which nothing worked has a fault, and no bad luck
        hopeless = {task for task in failed & blamed if task.cell not in worked}
        waiting = worth_another_try(waiting, failed - hopeless)
        if waiting:
            on_round(waiting)


def settled(result: TaskResult, before: str | None) -> bool:
    """Whether another try would end the same way: the error says so, or the method (and not the machine, the
    disk or its process) failed with the same words as the time ``before``."""
    return result.lasting or (result.row.error_kind == "method" and result.row.error == before)


def worth_another_try(tasks: Sequence[Task], failed: set[Task]) -> list[Task]:
    """Those of ``failed`` to be tried again, in the order of ``tasks``, which were carried out.

    A cell of which more than half failed (and more than :data:`FEW`) is left alone: not single images are
    the matter there, and repeating would double the time until somebody looks.
    """
    begun, lost = Counter(t.cell for t in tasks), Counter(t.cell for t in failed)
    return [t for t in tasks if t in failed and lost[t.cell] <= max(FEW, begun[t.cell] // 2)]
