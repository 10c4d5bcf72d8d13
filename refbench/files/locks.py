"""Advisory locks between the processes that write into one results folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from refbench.files.disk import NO_LINK, check_links

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


def lock_file(fd: int) -> bool | None:
    """Take the exclusive lock of an open file without waiting.

    True: taken, until the file is closed or the process ends, however it ends. False: another writer
    has it. None: this system or file system has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _BUSY else None
    return True


@contextmanager
def exclusive(path: Path, root: Path | None = None) -> Iterator[None]:
    """Hold the lock of ``path`` (made when missing), waiting for it; for short sections only.

    Where there are no locks the section runs unlocked: atomic replacement still keeps files whole. ``root``:
    see :func:`refbench.files.disk.atomic_file`. Raises OSError.
    """
    check_links(path, path.parent if root is None else root)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                    raise
        yield
    finally:
        os.close(fd)
