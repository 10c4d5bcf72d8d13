"""Small files out of folders that somebody else made: regular, no links, and not larger than expected."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.untrusted.schema import parse_object

LARGEST = 64 << 20
"""Bytes of a manifest, a summary or a digest file; those of a study with 10,000 samples have a few."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_bounded(path: Path, most: int = LARGEST) -> bytes:
    """The bytes of a regular file. OSError for a link, a pipe, a device, a folder, and for too large a file.

    A pipe is not waited for, and a link is not followed: what it leads to is not part of the folder.
    """
    fd = os.open(path, os.O_RDONLY | _NO_LINK)
    with open(fd, "rb") as stream:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "not a file", str(path))
        if state.st_size > most:
            raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB", str(path))
        return stream.read(most)


def read_object(path: Path, most: int = LARGEST) -> dict[str, Any] | None:
    """The JSON object in a file; None when there is no such file. OSError as above, ValueError for anything
    that is not one JSON object."""
    try:
        data = read_bounded(path, most)
    except FileNotFoundError:
        return None
    return parse_object(data)


def read_named(path: Path, what: str, remedy: str) -> object:
    """The JSON in a file that the user named, links followed. UserError: ``what`` it should have been, the
    path and the reason, or ``remedy`` where the file does not exist."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{what} {path}: not found; {remedy}") from None
    except OSError as error:
        raise UserError(f"{what} {path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what} {path}: not JSON: {error}") from error
