"""Keeps every photo of a sample or evaluation set out of training, by the hash of its file and its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from refbench.errors import UserError

from .photos import Photo, file_sha256, photo_files, pixels_sha256, read_rgb


def check_split(photos: tuple[Photo, ...], held_out: Mapping[str, str], what: str) -> None:
    """UserError when a photo's file or pixels are in ``held_out`` (sha256 hex -> name of the held-out photo).

    ``what`` names the key whose folder is checked.
    """
    for photo in photos:
        for digest in (photo.sha256, photo.pixels_sha256):
            if digest in held_out:
                raise UserError(
                    f"{what}: {photo.name!r} is {held_out[digest]!r} of a sample, evaluation or validation set; remove it"
                )


def digests(folder: Path) -> dict[str, str]:
    """File and pixel digests of every photo below ``folder``, each with the file name."""
    found = {}
    for path in photo_files(folder):
        found[file_sha256(path)] = path.name
        found[pixels_sha256(np.asarray(read_rgb(path)))] = path.name
    return found
