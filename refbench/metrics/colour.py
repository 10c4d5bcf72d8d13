"""Luma as the field measures it: BT.601, limited range, not rounded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refbench.types import Image

_Y601 = np.array([65.481, 128.553, 24.966]) / 255.0
"""MATLAB rgb2ycbcr's first row for R, G, B in 0..255 (BasicSR, C2-Matching and DATSR use the same)."""


def luma(image: Image) -> npt.NDArray[np.float64]:
    """uint8 RGB (H, W, 3) -> Y, float64 (H, W), 16..235. Rounding Y would move PSNR by up to 0.07 dB."""
    weighted: npt.NDArray[np.float64] = image.astype(np.float64) @ _Y601
    return weighted + 16.0


def channels(image: Image, space: str) -> npt.NDArray[np.float64]:
    """``y601``: luma (H, W); ``rgb``: the image as float64 (H, W, 3)."""
    if space == "y601":
        return luma(image)
    if space == "rgb":
        return image.astype(np.float64)
    raise ValueError(f"unknown colour space {space!r}; known: y601, rgb")
