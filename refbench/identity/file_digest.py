"""The sha256 of a file: what weights, downloads and manifests are compared by."""

from __future__ import annotations

import hashlib
from pathlib import Path

from refbench.errors import UserError


def file_sha256(path: Path) -> str:
    """sha256 hex of a file's bytes. UserError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
