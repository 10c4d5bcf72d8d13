"""Digests of a file: what weights, downloads and manifests are compared by."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Literal

from refbench.errors import UserError

PIECE = 1 << 20


DigestKind = Literal["sha256", "git blob"]


def file_sha256(path: Path) -> str:
    """sha256 hex of a file's bytes. UserError when it cannot be read."""
    return file_digest(path, "sha256")


def file_digest(path: Path, kind: DigestKind) -> str:
    """The digest of a file in lower-case hex. UserError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream_digest(stream, kind)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None


def stream_digest(stream: BinaryIO, kind: DigestKind) -> str:
    """The digest of an open file of known size, from its start.

    ``git blob`` is git's name of a file's content, the sha1 of ``"blob <bytes>\\0"`` and the content: what a
    repository states about a file that is committed to it.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if kind == "git blob":
        digest.update(b"blob %d\0" % size)
    while piece := stream.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()
