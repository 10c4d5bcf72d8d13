"""Files of lines that survive a kill at any byte.

A record is one line, written with one ``write``: after ``append`` returned, the operating system has
it, and a kill of the process cannot take it back (a power cut can take what was not yet synced, about
a second). A line that was cut off is the last one of its file: it is cut away by the next writer and
ignored by readers.

Each writer has a file of its own, ``NAME.jsonl`` for the first and ``NAME.2.jsonl``, ``NAME.3.jsonl``
and so on for writers that run at the same time; it is locked while it is open, and readers merge all
of them. So no writer waits and none can write into the line of another.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from refbench.files.disk import NO_LINK, check_links, disk_error, vanished, write_all
from refbench.files.locks import lock_file

SYNC_SECONDS = 1.0
LONGEST_LINE = 4 << 20
"""Bytes; a row with a thousand notes has a hundred kilobytes."""
_MOST_WRITERS = 10_000


@dataclass(frozen=True)
class Line:
    """One complete line of a log."""

    file: Path
    number: int
    """Line number from 1."""
    data: bytes
    """Without the line end."""


class LineLog:
    """The append side of a log, used by one process; see the module's text."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        try:
            check_links(folder / name, folder.parent)
            self.path, self._fd = _claim(folder, name)
        except OSError as error:
            raise disk_error(folder, error) from error
        try:
            self._size = _cut_torn_line(self._fd)
        except OSError as error:
            os.close(self._fd)
            raise disk_error(folder, error) from error
        self._synced = time.monotonic()

    def append(self, text: str) -> None:
        """Write one line. Raises UserError when the disk is full; earlier lines are then untouched.

        Raises it, too, when the file has left its folder: the system would accept further lines for a file
        that nobody can open again.
        """
        if "\n" in text:
            raise ValueError("a record is one line")
        data = text.encode("ascii") + b"\n"
        try:
            write_all(self._fd, data)
            there = _still_there(self.path, self._fd)
            self._size += len(data)
            if time.monotonic() - self._synced >= SYNC_SECONDS:
                self.sync()
        except OSError as error:
            self._forget_part()
            raise disk_error(self.folder, error) from error
        except BaseException:
            # Ctrl-C in the middle of a line
            self._forget_part()
            raise
        if not there:
            raise vanished(self.folder)

    def sync(self) -> None:
        """Have the disk take what was written. Raises OSError."""
        os.fsync(self._fd)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Sync, unlock and close; an empty file is removed. Raises UserError when syncing fails."""
        if self._fd < 0:
            return
        try:
            self.sync()
            if self._size == 0:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(self.folder, error) from error
        finally:
            os.close(self._fd)
            self._fd = -1

    def _forget_part(self) -> None:
        """After a failed write: cut what got through, so that the next line starts on its own."""
        try:
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)
        except OSError:
            pass  # the next opening cuts it


def files_of(folder: Path, name: str) -> list[Path]:
    """The files of a log, in the order in which writers take them."""
    pattern = re.compile(re.escape(name) + r"(?:\.(\d+)|\.([0-9a-f]{16}-\d+))?\.jsonl")
    found: list[tuple[int, str, Path]] = []
    for path in folder.glob(f"{name}*.jsonl"):
        match = pattern.fullmatch(path.name)
        if match:
            order = int(match[1]) if match[1] else (_MOST_WRITERS if match[2] else 1)
            found.append((order, path.name, path))
    return [path for _, _, path in sorted(found)]


def in_use(folder: Path, name: str) -> bool:
    """Whether a writer has a file of the log open; always False where there are no locks. Raises OSError."""
    for path in files_of(folder, name):
        fd = os.open(path, os.O_RDWR | NO_LINK)
        try:
            if lock_file(fd) is False:
                return True
        finally:
            os.close(fd)
    return False


def read_lines(folder: Path, name: str) -> Iterator[Line]:
    """All complete lines, file after file; a line without an end was torn and is left out."""
    for path in files_of(folder, name):
        try:
            # a pipe of that name would be waited for
            if not path.is_file() and path.exists():
                yield Line(path, 1, b"not a file")
                continue
            handle = path.open("rb")
        except FileNotFoundError:
            continue  # a writer that wrote nothing removed its file
        with handle:
            number = 0
            while data := handle.readline(LONGEST_LINE):
                number += 1
                if data.endswith(b"\n"):
                    yield Line(path, number, data[:-1])
                elif len(data) == LONGEST_LINE:
                    # not a record of ours: reading what it begins with says so
                    yield Line(path, number, b"a line of more than %d bytes" % LONGEST_LINE)
                    while (rest := handle.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                        pass


def _claim(folder: Path, name: str) -> tuple[Path, int]:
    for n in range(1, _MOST_WRITERS):
        path = folder / (f"{name}.jsonl" if n == 1 else f"{name}.{n}.jsonl")
        fd = _open(path)
        locked = lock_file(fd)
        if locked and _still_there(path, fd):
            return path, fd
        os.close(fd)
        if locked is None:
            # no locks here: a name that nobody else can have, at the price of one file per run
            path = folder / f"{name}.{secrets.token_hex(8)}-{os.getpid()}.jsonl"
            return path, _open(path)
    raise OSError(f"more than {_MOST_WRITERS} writers")


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK | getattr(os, "O_BINARY", 0), 0o666)


def _still_there(path: Path, fd: int) -> bool:
    """False when a closing writer removed the (empty) file between our open and our lock, or when somebody
    removed, moved or replaced the file since."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _cut_torn_line(fd: int) -> int:
    """Truncate after the last line end, place the position there, and return it."""
    end = os.lseek(fd, 0, os.SEEK_END)
    keep = end
    while keep > 0:
        start = max(0, keep - 65536)
        os.lseek(fd, start, os.SEEK_SET)
        at = os.read(fd, keep - start).rfind(b"\n")
        keep = start + at + 1 if at >= 0 else start
        if at >= 0:
            break
    if keep < end:
        os.ftruncate(fd, keep)
    os.lseek(fd, keep, os.SEEK_SET)
    return keep
