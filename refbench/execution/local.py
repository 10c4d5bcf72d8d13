"""A pool of processes on this machine: one per device, or several on the CPU with its threads divided.

The parent hands each worker one trial at a time (so that unequal image sizes balance themselves and memory
stays bounded), notices deaths and overdue trials, replaces the worker, tries the trial again a bounded
number of times and then records it as an error row.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from refbench.errors import UserError
from refbench.execution.executor import OnResult
from refbench.execution.pool_worker import Failed, Ready, serve
from refbench.execution.retries import Retries, check_pool
from refbench.plan.job import CellJob, MethodJob, Task, TaskResult

POLL_SECONDS = 0.5
"""How often overdue trials are looked for."""
LOAD_SECONDS = 900.0
"""What starting a process and loading a method may take, where trials have a limit."""


@dataclass
class _Slot:
    """One worker process and the trial it has."""

    process: BaseProcess
    pipe: Connection
    device: int
    task: Task | None = None
    since: float = 0.0
    """When the trial was begun, or its method began to be loaded."""
    loaded: MethodJob | None = None
    """The method that the process has; None while it is still starting."""


class LocalExecutor:
    """``executor=local executor.workers=N executor.timeout=SECONDS executor.retries=N``."""

    def __init__(self, workers: int | None = None, timeout: float | None = None, retries: int = 2) -> None:
        """workers: processes (default: one per CUDA device, else one per CPU core). timeout: seconds a trial
        may take before its worker is replaced (default: none). retries: tries after that or a death."""
        check_pool(workers, timeout, retries)
        self._workers, self._timeout, self._retries = workers, timeout, retries
        self._context = multiprocessing.get_context("spawn")

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        """See :class:`refbench.execution.executor.Executor`."""
        cuda = any(c.method.device.startswith("cuda") for c in cells.values())
        count = min(self._workers or default_workers(cuda), len(tasks))
        trials = Retries(tasks, self._retries, on_result)
        slots = [self._start(cells, i, count, cuda) for i in range(count)]
        try:
            for slot in slots:
                _hand_out(slot, trials)
            while any(slot.task is not None for slot in slots):
                ready = wait([s.pipe for s in slots if s.task is not None], POLL_SECONDS)
                for i, slot in enumerate(slots):
                    if slot.task is None:
                        continue
                    kind, text = "", ""
                    if slot.pipe in ready:
                        kind, text = "killed", self._receive(slot, trials, cells)
                    else:
                        kind, text = "timeout", self._overdue(slot, cells)
                    if text:
                        trials.lost(slot.task, kind, text)
                        _stop(slot)
                        slots[i] = slot = self._start(cells, slot.device, count, cuda)
                    if slot.task is None:
                        _hand_out(slot, trials)
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

    def _overdue(self, slot: _Slot, cells: Mapping[str, CellJob]) -> str:
        """What took too long; empty when nothing did."""
        if self._timeout is None or slot.task is None:
            return ""
        loading = slot.loaded != cells[slot.task.cell].method
        limit = max(self._timeout, LOAD_SECONDS) if loading else self._timeout
        if time.monotonic() - slot.since <= limit:
            return ""
        return f"{'the method was not loaded' if loading else 'no result'} within {limit:g} s"

    def _receive(self, slot: _Slot, trials: Retries, cells: Mapping[str, CellJob]) -> str:
        """Take a worker's answer; how it died when there is none."""
        try:
            answer: TaskResult | Failed | Ready = slot.pipe.recv()
        except (EOFError, OSError):
            slot.process.join(5)
            code = slot.process.exitcode
            killed = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return f"the worker process died ({killed})"
        if isinstance(answer, Ready):
            assert slot.task is not None
            slot.loaded, slot.since = cells[slot.task.cell].method, time.monotonic()
            return ""
        slot.task = None
        if isinstance(answer, Failed):
            raise UserError(answer.message)
        trials.finished(answer)
        return ""


def default_workers(cuda: bool) -> int:
    """Processes of a pool that was given no number: one per CUDA device, else one per CPU core."""
    if cuda:
        import torch

        return max(1, torch.cuda.device_count())
    return max(1, os.cpu_count() or 1)


def _on_device(cells: Mapping[str, CellJob], number: int) -> dict[str, CellJob]:
    """The same cells on the worker's own CUDA device."""
    import torch

    device = f"cuda:{number % max(1, torch.cuda.device_count())}"
    return {key: replace(c, method=replace(c.method, device=device)) for key, c in cells.items()}


def _hand_out(slot: _Slot, trials: Retries) -> None:
    if not trials:
        return
    task = trials.take()
    slot.task, slot.since = task, time.monotonic()
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
