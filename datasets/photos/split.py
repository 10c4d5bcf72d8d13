"""Keeps evaluation photos out of training, also as resized or recompressed copies.

Exact copies are told by sha256 (source file, or RGB pixels), altered ones by a 256-bit difference hash:
which of two neighbours is brighter in a 17x16 grey thumbnail. It survives resizing, recompression and
exposure; mirrored copies are hashed as well. It does not see crops: train on no crop of a sample photo.

``held_out.csv`` is made by ``python tools/held_out.py``.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from refbench.errors import UserError
from refbench.imaging import read_image
from refbench.types import Image

from .manifest import Role

MAX_DISTANCE = 40
"""Differing bits of 256 up to which two pictures are one. Measured: altered copies 34 at most, and nearly
always under 20; the training photos of the manifest are 70 and more away from every held-out one."""
EVALUATION: tuple[Role, ...] = ("sample", "reference", "val")


@dataclass(frozen=True)
class HeldOut:
    """One photo, or one image of the bundled sample, that must not be trained on."""

    name: str
    role: str
    source_sha256: str
    """Of the file it came from; for a bundled image, of the PNG itself."""
    pixels_sha256: str
    dhash: int | None
    """None for the warped and blurred references of the sample: some are too smooth to tell apart."""


def held_out() -> tuple[HeldOut, ...]:
    """Every photo and bundled image that is kept for evaluation or validation."""
    return _held_out()


def held_out_digests() -> Mapping[str, str]:
    """sha256 hex (file or pixels) -> name, for exact comparison."""
    found: dict[str, str] = {}
    for row in _held_out():
        found[row.source_sha256] = row.name
        found[row.pixels_sha256] = row.name
    return found


def held_out_copy(image: Image, roles: Iterable[str] = EVALUATION) -> str | None:
    """Name of the held-out photo that ``image`` (uint8 RGB) is a (resized) copy of, or None."""
    hashes = (dhash(image), dhash(image[:, ::-1]))
    wanted = set(roles)
    for row in _held_out():
        if row.role not in wanted or row.dhash is None:
            continue
        if any((value ^ row.dhash).bit_count() <= MAX_DISTANCE for value in hashes):
            return row.name
    return None


def refuse_held_out(paths: Iterable[Path], roles: Iterable[str] = EVALUATION) -> None:
    """UserError naming the first file that is, or is an altered copy of, a held-out photo of ``roles``."""
    wanted = tuple(roles)
    exact = {row.pixels_sha256: row.name for row in _held_out() if row.role in wanted}
    for path in paths:
        image = read_image(path)
        name = exact.get(pixels_sha256(image)) or held_out_copy(image, wanted)
        if name is not None:
            raise UserError(
                f"{path}: is the evaluation photo {name!r} or a copy of it; take it out of training"
            )


def pixels_sha256(image: Image) -> str:
    """sha256 hex over shape and bytes of RGB pixels."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def dhash(image: Image) -> int:
    """256-bit difference hash of uint8 RGB: bit = a thumbnail pixel is darker than its right neighbour."""
    grey = PILImage.fromarray(np.ascontiguousarray(image)).convert("L")
    thumbnail = np.asarray(grey.resize((17, 16), PILImage.Resampling.BOX), dtype=np.int16)
    bits = (thumbnail[:, 1:] > thumbnail[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@cache
def _held_out() -> tuple[HeldOut, ...]:
    lines = (files(__package__) / "held_out.csv").read_text(encoding="utf-8").splitlines()
    return tuple(_parse(row) for row in csv.DictReader(lines))


def _parse(row: dict[str, str]) -> HeldOut:
    bits = int(row["dhash"], 16) if row["dhash"] else None
    return HeldOut(row["name"], row["role"], row["source_sha256"], row["pixels_sha256"], bits)
