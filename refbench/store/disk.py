"""Writing files so that a kill leaves the old or the new content, and saying clearly when it fails."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from refbench.errors import UserError

TEMPORARY = ".tmp-"
STALE_SECONDS = 3600.0
"""A temporary file of this age is nobody's: its writer was killed."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn an OSError of the enclosed writing into a UserError that names ``folder`` and the remedy."""
    try:
        yield
    except OSError as error:
        raise disk_error(folder, error) from error


def disk_error(folder: Path, error: OSError) -> UserError:
    """The one-line message for an OSError that happened while writing into ``folder``."""
    if error.errno in _FULL:
        return UserError(
            f"results folder {folder}: disk full ({error.strerror}); what is written is kept: "
            "free space and run the same command again, or choose another disk with out=DIR"
        )
    if error.errno in _REFUSED:
        remedy = "make it writable or choose another with out=DIR"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        remedy = "a file is in the way; choose another folder with out=DIR"
    else:
        remedy = (
            "choose another with out=DIR, or mend it and run the same command again: finished rows are kept"
        )
    return UserError(f"results folder {folder}: cannot write ({error.strerror or error}); {remedy}")


def vanished(folder: Path) -> UserError:
    """The one-line message for a folder that was removed, moved or replaced while a run wrote into it."""
    return UserError(
        f"results folder {folder}: was removed, moved or replaced while the run wrote into it; put it back, "
        "or leave it: the same command goes on from the rows that are there"
    )


def write_all(fd: int, data: bytes) -> None:
    """os.write until everything is written (a nearly full disk or a signal may shorten one call)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_atomic(path: Path, data: bytes, sync: bool = False) -> None:
    """Replace ``path`` by ``data``: readers see the old or the new file, never a part of it.

    ``sync``: the disk has it first, so that this also holds after a power cut. Raises OSError; the
    temporary file beside it is then removed.
    """
    # the random part keeps two writers apart, on one machine or on several
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            write_all(fd, data)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_stale(folder: Path) -> None:
    """Remove temporary files that killed writers left in ``folder``; one that cannot be removed stays."""
    oldest = time.time() - STALE_SECONDS
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
