"""The identity of a dataset: sha256 over the names and contents of its files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from refbench.errors import UserError
from refbench.imaging.files import check_name, check_regular

from .groups import Scan


def file_sha256(path: Path) -> str:
    """sha256 hex of a file's bytes; UserError when it cannot be read."""
    try:
        check_regular(path)
        stat = path.stat()
        return _hashed(str(path), stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def file_digest(path: Path, kind: str) -> str:
    """``sha256`` hex of a file, or the id of its ``git`` blob (sha1 over a header and the bytes)."""
    if kind == "sha256":
        return file_sha256(path)
    try:
        check_regular(path)
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=4096)
def _hashed(path: str, size: int, mtime_ns: int) -> str:
    """Remembered for this process as long as size and time of the file stay the same."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def dataset_fingerprint(name: str, scan: Scan) -> str:
    """sha256 hex over every usable group: its id, the role, name and content of each of its files.

    Groups come in id order, references in theirs (it decides which one a protocol uses). Pair lists
    count with their content. The location of the root does not count, so that a copy is the same set.
    """
    digest = hashlib.sha256(f"refbench dataset v1\0{name}\n".encode())
    for path in scan.lists:
        digest.update(f"list\0{file_sha256(path)}\n".encode())
    for group in scan.groups:
        digest.update(f"group\0{group.id}\n".encode())
        roles = [("hr", group.hr), ("lr", group.lr), *(("ref", ref) for ref in group.refs)]
        roles += [("truth", path) for path in group.truth]
        for role, file in roles:
            if file is not None:
                check_name(file)
                digest.update(f"{role}\0{file.name}\0{file_sha256(file)}\n".encode())
    return digest.hexdigest()
