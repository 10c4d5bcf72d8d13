"""Disparity files, and the places of the left image's pixels in the right one."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError

Disparity = npt.NDArray[np.float64]
"""(H, W), pixels of the left image; NaN where it is not known."""
TOLERANCE = 1.0
"""Pixels by which a surface must lie in front of another to hide it: less is the slant of one surface."""
_HEADER = re.compile(rb"P([fF])\s+(\d+)\s+(\d+)\s+([-+.\deE]+)\s")


def read_disparity(path: Path) -> Disparity:
    """A ``.pfm`` file (Middlebury's), or the first array of a ``.npz`` (scikit-image's).

    Infinite values, which both use for pixels without a measurement, become NaN. SampleError otherwise.
    """
    try:
        found = _npz(path) if path.suffix.lower() == ".npz" else _pfm(path)
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise SampleError(f"{path}: no disparity map ({error})") from error
    if found.ndim != 2:
        raise SampleError(f"{path}: a disparity map has one channel, this array has shape {found.shape}")
    return np.where(np.isfinite(found), found, np.nan)


def _npz(path: Path) -> Disparity:
    with np.load(path, allow_pickle=False) as archive:
        return np.asarray(archive[archive.files[0]], dtype=np.float64)


def _pfm(path: Path) -> Disparity:
    data = path.read_bytes()
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("it does not begin with a PFM header")
    if header[1] != b"f":
        raise ValueError("a PFM of three channels")
    width, height = int(header[2]), int(header[3])
    kind = "<f4" if float(header[4]) < 0 else ">f4"
    body = data[header.end() :]
    if len(body) != 4 * width * height:
        raise ValueError(f"{len(body)} bytes of pixels for {width}x{height}")
    # PFM stores the lowest row first
    return np.frombuffer(body, kind).reshape(height, width)[::-1].astype(np.float64)


def visible(disparity: Disparity) -> npt.NDArray[np.bool_]:
    """Which left pixels the right image shows: not hidden behind a nearer surface, not out of its left side.

    Each row's pixels go to the column ``x - d``; of several the one with the largest disparity is in front.
    """
    height, width = disparity.shape
    column = np.arange(width) - disparity
    known = np.isfinite(column) & (column >= 0) & (column <= width - 1)
    rows = np.broadcast_to(np.arange(height)[:, None], disparity.shape)[known]
    front = np.full(disparity.shape, -np.inf)
    for to_pixel in (np.floor, np.ceil):
        np.maximum.at(front, (rows, to_pixel(column[known]).astype(np.int64)), disparity[known])
    shown = np.zeros(disparity.shape, dtype=np.bool_)
    at = np.rint(column[known]).astype(np.int64)
    shown[known] = disparity[known] >= front[rows, at] - TOLERANCE
    return shown


def places(disparity: Disparity, mask: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.float64]:
    """(H, W, 2): where each left pixel is in the right image, ``(x - d, y)``; NaN where it cannot be seen.

    ``mask``: the pixels that a data set itself calls visible in both images.
    """
    height, width = disparity.shape
    found = np.stack(
        [
            np.arange(width)[None, :] - disparity,
            np.broadcast_to(np.arange(height, dtype=np.float64)[:, None], disparity.shape),
        ],
        axis=-1,
    )
    shown = visible(disparity) if mask is None else visible(disparity) & mask
    found[~shown] = np.nan
    return found
