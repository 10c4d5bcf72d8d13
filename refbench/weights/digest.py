"""File digests, and their comparison with what a file claims to be."""

from __future__ import annotations

from pathlib import Path

from refbench.errors import UserError
from refbench.identity.file_digest import file_digest, file_sha256
from refbench.specs import WeightsFile


def checked_sha256(path: Path, wanted: WeightsFile) -> str:
    """sha256 of ``path`` after comparing the file with the digest or digest prefix in its spec.

    torch never checks a file that is already in its hub cache, so refbench does. UserError on a mismatch
    and for an empty file.
    """
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes); {how_to_get(wanted)}")
    sha256 = file_sha256(path)
    if wanted.known_digest is not None:
        kind, expected = wanted.known_digest
        found = sha256 if kind == "sha256" else file_digest(path, kind)
        if not found.startswith(expected):
            shown = "sha256 prefix" if kind == "sha256" and not wanted.sha256 else kind
            raise UserError(
                f"{path}: {shown} is {found[: len(expected)]}, {wanted.name} has {expected}; "
                f"the download is damaged or another file: {how_to_get(wanted)}"
            )
    return sha256


def how_to_get(wanted: WeightsFile) -> str:
    """The end of an error line: where a person gets the file."""
    return f"get it from {wanted.source}" if wanted.source else "ask its authors for it"
