"""Resizing without antialiasing, by plain arithmetic: the same bits on every machine and thread count.

Sample positions are those of cv2.resize and of torch's interpolate with align_corners=False: the centre of
output pixel i lies at (i + 0.5) * in / out - 0.5, and the border is repeated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
KINDS = ("nearest", "area", "bilinear", "bicubic")
CUBIC = -0.75
"""The a of cv2's and torch's bicubic."""


def resample(image: Floats, size: tuple[int, int], kind: str) -> Floats:
    """``image`` (H, W, C) at ``size`` (H', W'); ``kind`` is one of KINDS.

    ``area`` is the mean of the input pixels from floor(i in/out) to ceil((i + 1) in/out), as torch's.
    """
    for axis in (0, 1):
        places, weights = taps(image.shape[axis], size[axis], kind)
        shape = [1, 1, 1]
        shape[axis] = size[axis]
        # a sum in a fixed order, product by product: no BLAS, whose order depends on machine and threads
        made = np.zeros((*image.shape[:axis], size[axis], *image.shape[axis + 1 :]))
        for place, weight in zip(places.T, weights.T, strict=True):
            made = made + image.take(place, axis) * weight.reshape(shape)
        image = made
    return image


def taps(length: int, wanted: int, kind: str) -> tuple[Whole, Floats]:
    """(places, weights), each (wanted, taps), of the input pixels that make each output pixel."""
    if kind not in KINDS:
        raise ValueError(f"unknown kernel {kind!r}; known: {', '.join(KINDS)}")
    out = np.arange(wanted)
    if kind == "nearest":
        return (out * length // wanted)[:, None], np.ones((wanted, 1))
    if kind == "area":
        first, end = out * length // wanted, -(-(out + 1) * length // wanted)
        places = first[:, None] + np.arange((end - first).max())
        inside = places < end[:, None]
        return np.minimum(places, length - 1), inside / (end - first)[:, None]
    centre = (out + 0.5) * length / wanted - 0.5
    if kind == "bilinear":
        # torch clamps the position, cv2 the pixels: the same value
        base = np.floor(centre)
        share = centre - base
        offsets, weights = np.arange(2), np.stack([1 - share, share], axis=1)
    else:
        base = np.floor(centre)
        share = centre - base
        offsets = np.arange(-1, 3)
        weights = np.stack([_cubic(share + 1), _cubic(share), _cubic(1 - share), _cubic(2 - share)], axis=1)
    return (base.astype(np.int64)[:, None] + offsets).clip(0, length - 1), weights


def _cubic(x: Floats) -> Floats:
    """Keys' kernel at distance 0 <= x <= 2."""
    near = ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1
    far = ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC
    return np.where(x <= 1, near, far)
