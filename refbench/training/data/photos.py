"""A folder of photos held in memory, at one or more sizes, with a fingerprint of its contents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageOps

from refbench.errors import UserError
from refbench.identity.file_digest import file_sha256
from refbench.imaging import open_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm")


@dataclass(frozen=True)
class Photo:
    """One photo: its file name, the sha256 of the file, and RGB pixels at falling sizes."""

    name: str
    sha256: str
    pixels_sha256: str
    """sha256 hex of shape and decoded pixels at full size: survives a lossless change of file format."""
    sizes: tuple[npt.NDArray[np.uint8], ...]


def photo_files(folder: Path) -> list[Path]:
    """The image files below ``folder`` in name order. UserError when there are none."""
    if not folder.is_dir():
        raise UserError(
            f"train.data: no folder {str(folder)!r}; give a folder of photos or the CUFED train layout"
        )
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise UserError(f"train.data: no photo in {str(folder)!r}; looked for {' '.join(SUFFIXES)}")
    return files


def pixels_sha256(pixels: npt.NDArray[np.uint8]) -> str:
    """sha256 hex of the shape and bytes of RGB pixels."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def read_rgb(path: Path) -> PILImage.Image:
    """Decode as RGB, upright by its EXIF orientation. UserError names a file that cannot be decoded."""
    try:
        with open_image(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    # decoders raise nearly anything on corrupt data
    except Exception as error:
        why = " ".join(str(error).removeprefix(f"{path}: ").split())[:200]
        raise UserError(f"train.data: cannot decode {str(path)!r} ({why}); remove or replace it") from error


def load_photo(path: Path, short_sides: tuple[int, ...], min_side: int) -> Photo:
    """Read one photo and reduce it to each of ``short_sides`` (never enlarged; antialiased).

    A large photo is soft at full size: reduced copies have the sharp detail that super-resolution is
    about, and several sizes make several texture scales out of few photos. ``min_side`` is the patch
    size in pixels; sizes below it are left out.
    """
    image = read_rgb(path)
    short = min(image.size)
    sizes: list[npt.NDArray[np.uint8]] = []
    for side in sorted(set(short_sides) or {short}, reverse=True):
        side = min(side, short)
        if side < min_side:
            continue
        ratio = side / short
        size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
        reduced = image if size == image.size else image.resize(size, PILImage.Resampling.LANCZOS)
        pixels = np.asarray(reduced)
        if not any(pixels.shape == other.shape for other in sizes):
            sizes.append(pixels)
    if not sizes:
        raise UserError(f"train.data: {str(path)!r} is smaller than the {min_side} px patch; remove it")
    return Photo(path.name, file_sha256(path), pixels_sha256(np.asarray(image)), tuple(sizes))


def load_photos(folder: Path, short_sides: tuple[int, ...] = (), min_side: int = 1) -> tuple[Photo, ...]:
    """All photos of a folder, in name order. ``short_sides`` empty: each at its own size only."""
    return tuple(load_photo(path, short_sides, min_side) for path in photo_files(folder))


def fingerprint(photos: tuple[Photo, ...]) -> str:
    """sha256 hex over names and file digests: identifies the training data in a checkpoint."""
    digest = hashlib.sha256()
    for photo in photos:
        digest.update(f"{photo.name}\0{photo.sha256}\n".encode())
    return digest.hexdigest()
