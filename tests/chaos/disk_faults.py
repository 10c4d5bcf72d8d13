"""A file system that fails at a chosen operation: killed there, full from there on, interrupted, broken once.

Every call by which the store changes a folder is counted; reading is never disturbed. After a kill nothing
more happens on disk, whatever clean-up code runs: that is what a dead process does.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

KINDS = ("kill", "full", "broken", "interrupt before", "interrupt after")


class Killed(BaseException):
    """Stands for the end of the process."""


class Disk:
    """Counts the operations inside ``root`` and fails at number ``at`` (from 0), in the way of ``kind``."""

    def __init__(self, root: Path, kind: str = "", at: int = -1, rng: Random | None = None) -> None:
        self._root = str(root)
        self._kind, self._at = kind, at
        self._rng = rng or Random(0)
        self._files: set[int] = set()
        self._dead = False
        self.count = 0
        self.happened = False

    @contextmanager
    def fails(self) -> Iterator[Disk]:
        """Put this disk instead of the real one."""
        names = ("open", "write", "replace", "fsync", "ftruncate", "unlink", "mkdir")
        real = {name: getattr(os, name) for name in names}
        fakes = {name: self._wrap(name, real) for name in names}
        try:
            with mock.patch.multiple(os, close=self._closing(os.close), **fakes):
                yield self
        finally:
            # what the system does for a process that is gone: its locks end with its files
            for fd in self._files:
                os.close(fd)

    def _closing(self, close: Callable[[int], None]) -> Callable[[int], None]:
        def closing(fd: int) -> None:
            self._files.discard(fd)
            close(fd)

        return closing

    def _ours(self, target: object) -> bool:
        return target in self._files if isinstance(target, int) else str(target).startswith(self._root)

    def _wrap(self, name: str, real: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
        call = real[name]

        def wrapped(target: Any, *rest: Any, **more: Any) -> Any:
            reading = name == "open" and rest and not rest[0] & (os.O_WRONLY | os.O_RDWR)
            if reading or not self._ours(target):
                return call(target, *rest, **more)
            kind = self._strikes(name)
            if kind == "interrupt before":
                raise KeyboardInterrupt
            if kind in ("kill", "full", "broken"):
                if name == "write" and kind != "broken":
                    # a part may get through, also all but the line end
                    size = len(rest[0])
                    call(
                        target, bytes(rest[0])[: self._rng.choice((size - 1, self._rng.randrange(size + 1)))]
                    )
                elif kind == "kill" and self._rng.random() < 0.5:
                    self._noted(name, call(target, *rest, **more))
                if kind == "kill":
                    self._dead = True
                    raise Killed
                raise OSError(*((errno.ENOSPC, "No space left on device") if kind == "full" else _BROKEN))
            done = self._noted(name, call(target, *rest, **more))
            if kind == "interrupt after":
                raise KeyboardInterrupt
            return done

        return wrapped

    def _noted(self, name: str, done: Any) -> Any:
        if name == "open":
            self._files.add(done)
        return done

    def _strikes(self, name: str) -> str:
        if self._dead:
            raise Killed
        number = self.count
        self.count += 1
        if self._kind == "full":
            # freeing space and renaming still work on a full disk
            takes_space = name in ("open", "write", "mkdir")
            self.happened |= number >= self._at and takes_space
            return "full" if number >= self._at and takes_space else ""
        if number != self._at:
            return ""
        self.happened = True
        return self._kind


_BROKEN = (errno.EIO, "Input/output error")
