"""The executor of one process: the next trial is decoded and the last one scored while the network runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from refbench.execution.executor import OnResult
from refbench.execution.retries import check_pool
from refbench.execution.worker import Prepared, Worker
from refbench.plan.job import CellJob, Task, TaskResult

AHEAD = 2
"""Trials decoded ahead, and scored behind, at most: bounds memory whatever the image sizes."""


class SerialExecutor:
    """One worker; the network on the caller's thread, one thread before it and one behind it."""

    def __init__(self, timeout: float | None = None) -> None:
        """timeout: seconds for one image of a method that has a process of its own (third-party code); a
        bundled one runs in this process and cannot be stopped."""
        check_pool(1, timeout, 0)
        self._timeout = timeout

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        """See :class:`refbench.execution.executor.Executor`."""
        worker = Worker(cells, self._timeout)
        worker.import_needs()
        if tasks:
            # before the threads start: loading imports, too
            worker.method(cells[tasks[0].cell])
        scoring: deque[Future[TaskResult]] = deque()
        with (
            ThreadPoolExecutor(1, thread_name_prefix="prepare") as before,
            ThreadPoolExecutor(1, thread_name_prefix="score") as behind,
        ):
            ahead: deque[Future[Prepared]] = deque(before.submit(worker.prepare, t) for t in tasks[:AHEAD])
            try:
                for i in range(len(tasks)):
                    prepared = ahead.popleft().result()
                    if i + AHEAD < len(tasks):
                        ahead.append(before.submit(worker.prepare, tasks[i + AHEAD]))
                    restored = worker.restore(prepared)
                    scoring.append(behind.submit(worker.finish, restored))
                    while scoring and (len(scoring) > AHEAD or scoring[0].done()):
                        on_result(scoring.popleft().result())
            finally:
                # also after Ctrl-C or a failed load: what is finished is kept
                for future in ahead:
                    future.cancel()
                while scoring:
                    on_result(scoring.popleft().result())
                worker.close()
