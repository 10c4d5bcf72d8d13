"""Writing files so that a kill leaves the old or the new content, and saying clearly when it fails.

Every file of a results folder, a report, a profile, a training run and a baseline is written here: whole or
not at all, and never through a symbolic link. Results folders are handed around; a link in one that somebody
else made must not lead a report into a file of the reader's.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from refbench.errors import UserError

TEMPORARY = ".tmp-"
STALE_SECONDS = 3600.0
"""A temporary file of this age is nobody's: its writer was killed."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Opening a symbolic link fails with ELOOP."""
LINK = "is a symbolic link, which is not written through; remove it"


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
    if error.errno == errno.ELOOP:
        return UserError(f"{error.filename or folder}: {LINK}")
    if error.errno in _REFUSED:
        remedy = "make it writable or choose another with out=DIR"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        remedy = "a file is in the way; choose another folder with out=DIR"
    else:
        remedy = (
            "choose another with out=DIR, or repair it and run the same command again: finished rows are kept"
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


def check_links(path: Path, root: Path) -> None:
    """Raises OSError (ELOOP) when a folder between ``root`` and ``path`` is a symbolic link.

    ``root`` is what the user named and may itself be one. ``path`` lies below it.
    """
    for folder in path.relative_to(root).parents[:-1]:
        _check_link(root / folder)


def make_folder(folder: Path, root: Path) -> None:
    """Make ``folder`` and what is missing above it. OSError, even when a part below ``root`` is a link."""
    check_links(folder, root)
    if folder != root:
        _check_link(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _check_link(path: Path) -> None:
    try:
        linked = stat.S_ISLNK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if linked:
        raise OSError(errno.ELOOP, LINK, str(path))


@contextmanager
def atomic_file(path: Path, root: Path | None = None, *, sync: bool = False) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` when the block ends without an error.

    Readers see the old or the new file, never a part of it. A link at ``path`` is replaced, not followed;
    folders between ``root`` (the folder that the user named; by default that of the file) and ``path`` must
    not be links. ``sync``: the disk has the content first, so that this also holds after a power cut. Raises
    OSError; the temporary file next to ``path`` is removed whatever ends the block.
    """
    check_links(path, path.parent if root is None else root)
    # the random part keeps two writers apart, on one machine or on several
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            with open(fd, "w+b", closefd=False) as stream:
                yield stream
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, data: bytes, root: Path | None = None, *, sync: bool = False) -> None:
    """Replace ``path`` by ``data``; see :func:`atomic_file`. Raises OSError."""
    with atomic_file(path, root, sync=sync) as stream:
        write_all(stream.fileno(), data)


def link_folder(path: Path, target: Path, root: Path) -> None:
    """Make ``path`` a relative link to the folder ``target``; both lie below ``root``. OSError.

    Only a link is replaced at ``path``, whole or not at all; anything else there stays (FileExistsError).
    """
    make_folder(path.parent, root)
    aim = os.path.relpath(target, path.parent)
    if path.is_symlink():
        if os.readlink(path) == aim:
            return
    elif path.exists():
        raise FileExistsError(errno.EEXIST, "not a link", str(path))
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    temporary.symlink_to(aim, target_is_directory=True)
    try:
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
