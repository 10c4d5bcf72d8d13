"""Ctrl-C in two steps: the first lets a run end in order, the second ends the process at once.

Python runs its own signal handlers between two bytecodes of the main thread only, which may be inside one
long call of a network. The C part of the handler writes to a pipe right away, so a thread that reads it is
in time whatever the main thread does.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST = "stopping: finished rows are kept, images in work are given up; Ctrl-C again stops at once"
SECOND = "stopped at once; rows that were on disk are kept, and the same command goes on from there"
EXIT = 130
"""What shells report for a process that Ctrl-C ended."""


@contextmanager
def two_steps(say: Callable[[str], None]) -> Iterator[None]:
    """Within the block a first Ctrl-C is announced (and raises KeyboardInterrupt as ever), a second exits.

    Nothing is changed on other threads than the main one, or where Ctrl-C is ignored or handled otherwise.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    former = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(read, say), name="interrupts", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        os.close(write)
        watcher.join()
        os.close(read)


def _watch(pipe: int, say: Callable[[str], None]) -> None:
    received = 0
    while numbers := os.read(pipe, 64):
        for number in numbers:
            if number != signal.SIGINT:
                continue
            received += 1
            if received > 1:
                say(SECOND)
                os._exit(EXIT)
            say(FIRST)
