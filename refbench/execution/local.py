"""A pool of processes on this machine: one a device, or several on the CPU with its threads divided.

The parent hands each worker one trial at a time (so that unequal image sizes balance themselves and memory
stays bounded), notices deaths and overdue trials, replaces the worker, tries the trial again a bounded
number of times and then records it as an error row.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from refbench.errors import UserError
from refbench.execution.executor import OnResult
from refbench.execution.job import CellJob, Task, TaskResult
from refbench.execution.pool_worker import Failed, Ready, serve
from refbench.store.row import SampleRow

POLL_SECONDS = 0.5
"""How often overdue trials are looked for."""


@dataclass
class _Slot:
    """One worker process and the trial it has."""

    process: BaseProcess
    pipe: Connection
    device: int
    task: Task | None = None
    since: float = math.inf
    """When the trial was begun; never, while the process is still starting."""
    ready: bool = False


class LocalExecutor:
    """``executor=local executor.workers=N executor.timeout=SECONDS executor.retries=N``."""

    def __init__(self, workers: int | None = None, timeout: float | None = None, retries: int = 2) -> None:
        """workers: processes (default: one a CUDA device, else one a CPU core). timeout: seconds a trial may
        take before its worker is replaced (default: none). retries: further tries after that or a death."""
        if workers is not None and workers < 1:
            raise UserError(f"executor.workers={workers}: at least 1 process is needed")
        if timeout is not None and timeout <= 0:
            raise UserError(f"executor.timeout={timeout}: give seconds above 0, or leave it out")
        if retries < 0:
            raise UserError(f"executor.retries={retries}: give 0 or more")
        self._workers, self._timeout, self._retries = workers, timeout, retries
        self._context = multiprocessing.get_context("spawn")

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        """See :class:`refbench.execution.executor.Executor`."""
        cuda = any(c.method.device.startswith("cuda") for c in cells.values())
        count = min(self._workers or _default_workers(cuda), len(tasks))
        waiting = deque(tasks)
        tries: dict[Task, int] = {}
        slots = [self._start(cells, i, count, cuda) for i in range(count)]
        try:
            for slot in slots:
                _hand_out(slot, waiting)
            while any(slot.task is not None for slot in slots):
                ready = wait([s.pipe for s in slots if s.task is not None], POLL_SECONDS)
                for i, slot in enumerate(slots):
                    if slot.task is None:
                        continue
                    reason = ""
                    if slot.pipe in ready:
                        reason = self._receive(slot, on_result)
                    elif self._timeout is not None and time.monotonic() - slot.since > self._timeout:
                        reason = f"timeout: no result within {self._timeout:g} s"
                    if reason:
                        self._give_up_or_retry(slot.task, reason, waiting, tries, on_result)
                        _stop(slot)
                        slots[i] = slot = self._start(cells, slot.device, count, cuda)
                    if slot.task is None:
                        _hand_out(slot, waiting)
        finally:
            for slot in slots:
                _stop(slot)

    def _start(self, cells: Mapping[str, CellJob], number: int, count: int, cuda: bool) -> _Slot:
        ours, theirs = self._context.Pipe()
        mine = _on_device(cells, number) if cuda else dict(cells)
        threads = max(1, (os.cpu_count() or 1) // count)
        process = self._context.Process(target=serve, args=(theirs, mine, threads), daemon=True)
        process.start()
        theirs.close()
        return _Slot(process, ours, number)

    def _receive(self, slot: _Slot, on_result: OnResult) -> str:
        """Take a worker's answer; the reason when there is none because it died."""
        try:
            answer: TaskResult | Failed | Ready = slot.pipe.recv()
        except (EOFError, OSError):
            slot.process.join(5)
            code = slot.process.exitcode
            killed = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return f"killed: the worker process died ({killed})"
        if isinstance(answer, Ready):
            slot.ready, slot.since = True, time.monotonic()
            return ""
        slot.task = None
        if isinstance(answer, Failed):
            raise UserError(answer.message)
        on_result(answer)
        return ""

    def _give_up_or_retry(
        self, task: Task, reason: str, waiting: deque[Task], tries: dict[Task, int], on_result: OnResult
    ) -> None:
        tries[task] = tries.get(task, 0) + 1
        if tries[task] <= self._retries:
            waiting.appendleft(task)
            return
        kind, _, text = reason.partition(": ")
        row = SampleRow(task.sample_id, task.draw, "error", error=text, error_kind=kind, attempts=tries[task])
        on_result(TaskResult(task, row))


def _default_workers(cuda: bool) -> int:
    if cuda:
        import torch

        return max(1, torch.cuda.device_count())
    return max(1, os.cpu_count() or 1)


def _on_device(cells: Mapping[str, CellJob], number: int) -> dict[str, CellJob]:
    """The same cells on the worker's own CUDA device."""
    import torch

    device = f"cuda:{number % max(1, torch.cuda.device_count())}"
    return {key: replace(c, method=replace(c.method, device=device)) for key, c in cells.items()}


def _hand_out(slot: _Slot, waiting: deque[Task]) -> None:
    if not waiting:
        return
    task = waiting.popleft()
    slot.task, slot.since = task, time.monotonic() if slot.ready else math.inf
    # a worker that is already dead is noticed when its pipe is read
    with contextlib.suppress(OSError):
        slot.pipe.send(task)


def _stop(slot: _Slot) -> None:
    with contextlib.suppress(OSError):
        slot.pipe.close()
    if slot.task is not None:
        slot.process.kill()
    slot.process.join(5)
    if slot.process.is_alive():
        slot.process.kill()
        slot.process.join(5)
