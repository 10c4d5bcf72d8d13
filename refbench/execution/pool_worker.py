"""The inside of a pool's process: receive a trial, carry it out, send its row."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from refbench.errors import UserError
from refbench.execution.job import CellJob, Task


@dataclass(frozen=True)
class Failed:
    """The method cannot be used at all; the run stops with this line."""

    message: str


@dataclass(frozen=True)
class Ready:
    """The process has started; until then no trial is overdue."""


def serve(pipe: Connection, cells: Mapping[str, CellJob], threads: int) -> None:
    """Answer every Task on ``pipe`` with a TaskResult or Failed, until the other end closes.

    Ctrl-C is left to the parent, which keeps what is finished and then stops its workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    from refbench.execution.worker import Worker

    torch.set_num_threads(threads)
    worker = Worker(cells)
    try:
        pipe.send(Ready())
    except OSError:
        return
    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: object = worker.finish(worker.restore(worker.prepare(task)))
        except UserError as error:
            answer = Failed(str(error))
        try:
            pipe.send(answer)
        except (BrokenPipeError, OSError):
            return
