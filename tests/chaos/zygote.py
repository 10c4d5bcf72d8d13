"""A process that has imported everything and forks a run for each order: starts cost milliseconds.

Orders and answers are lines of JSON on stdin and stdout: ``{"study": folder, "out": ..., ...}`` or
``{"argv": [...]}`` start a run and give its process id, ``{"wait": pid}`` gives its exit code (negative: the
signal that ended it).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

import chaos_world
import torch

from refbench.cli.interrupt import two_steps
from refbench.cli.main import main as command
from refbench.execution.executor import Executor
from refbench.execution.local import LocalExecutor
from refbench.execution.serial import SerialExecutor
from refbench.store import SampleRow


def warm_up(folder: Path) -> None:
    """Carry out one run of each kind, so that everything is imported before anything is forked.

    One thread: a pool of threads would not be there in the children, which would wait for it.
    """
    torch.set_num_threads(1)
    world = chaos_world.make_world(folder)
    world.run(folder / "out", SerialExecutor())
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        command(["run", "method=bicubic", "suite=pairs", "limit=1", "tracking=none", "device=cpu", "--plain",
                 "threads=1", f"data.root={chaos_world.make_pairs(folder / 'pairs', ('a',))}",
                 f"out={folder / 'results'}"])  # fmt: skip


class Acknowledging:
    """Appends a line to a file for each row that is said to be on disk."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def start(self, *_: Any) -> None: ...

    def result(self, cell: Any, row: SampleRow) -> None:
        os.write(self._fd, (json.dumps([cell.key, row.sample_id, row.draw, row.status]) + "\n").encode())

    def stop(self) -> None: ...


def executor_of(order: dict[str, Any]) -> Executor:
    """Serial, or a pool whose workers are forked: they have everything imported, too."""
    if order["executor"] == "serial":
        return SerialExecutor()
    pool = LocalExecutor(2, order.get("timeout"), order["retries"])
    pool._context = multiprocessing.get_context("fork")  # type: ignore[assignment]
    return pool


def study(order: dict[str, Any]) -> int:
    """Carry out a study; 0 for a run that came to its end."""
    world = chaos_world.make_world(Path(order["study"]), order["pause"])
    with two_steps(lambda text: print(text, flush=True)):
        world.run(Path(order["out"]), executor_of(order), Acknowledging(order["said"]), order["retries"])
    return 0


def carry_out(order: dict[str, Any]) -> NoReturn:
    """What the forked process does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 99
    try:
        code = command(order["argv"]) if "argv" in order else study(order)
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Serve orders until stdin ends."""
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder))
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            carry_out(order)
        print(json.dumps(pid), flush=True)


if __name__ == "__main__":
    main()
