"""File digests, and their comparison with what a file claims to be."""

from __future__ import annotations

from pathlib import Path

from refbench.errors import UserError
from refbench.identity.file_digest import file_sha256
from refbench.specs import WeightsFile


def checked_sha256(path: Path, wanted: WeightsFile) -> str:
    """Digest of ``path`` after comparing it with the digest or digest prefix in its spec.

    torch never checks a file that is already in its hub cache, so refbench does. UserError on a mismatch
    and for an empty file.
    """
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes); {how_to_get(wanted)}")
    found = file_sha256(path)
    expected = wanted.sha256 or wanted.sha256_prefix
    if expected is not None and not found.startswith(expected):
        kind = "sha256" if wanted.sha256 else "sha256 prefix"
        raise UserError(
            f"{path}: {kind} is {found[: len(expected)]}, {wanted.name} has {expected}; "
            f"the download is damaged or another file: {how_to_get(wanted)}"
        )
    return found


def how_to_get(wanted: WeightsFile) -> str:
    """The end of an error line: where a person gets the file."""
    return f"get it from {wanted.source}" if wanted.source else "ask its authors for it"
