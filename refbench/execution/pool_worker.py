"""The inside of a pool's process: receive a trial, carry it out, send its row."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from refbench.errors import UserError
from refbench.plan.job import CellJob, MethodJob, Task


@dataclass(frozen=True)
class Failed:
    """The method cannot be used at all; the run stops with this line."""

    message: str


@dataclass(frozen=True)
class Ready:
    """The method is loaded and its trial begins: from now on it may become overdue."""


def serve(pipe: Connection, cells: Mapping[str, CellJob], threads: int) -> None:
    """Answer every Task on ``pipe`` with a TaskResult or Failed, until the other end closes.

    Ctrl-C is left to the parent, which keeps what is finished and then stops its workers. The process ends
    with its parent, however that ends and whatever the trial is doing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # stdout belongs to the parent's document
    os.dup2(2, 1)
    import torch

    from refbench.execution.worker import Worker

    torch.set_num_threads(threads)
    worker = Worker(cells)
    loaded: MethodJob | None = None
    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            method = cells[task.cell].method
            worker.method(cells[task.cell])
            if method != loaded:
                _send(pipe, Ready())
                loaded = method
            answer: object = worker.finish(worker.restore(worker.prepare(task)))
        except UserError as error:
            answer = Failed(str(error))
        _send(pipe, answer)


def _send(pipe: Connection, message: object) -> None:
    # nobody listens any more: the next reading ends the process
    with contextlib.suppress(OSError):
        pipe.send(message)


def _end_with_parent() -> None:
    """A hung trial would otherwise outlive a run that was killed, and hold its device."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
