"""Colour spaces as the field measures in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from refbench.types import Image

SPACES = ("rgb", "y601", "gray")
Floats = npt.NDArray[np.float64]
_Y601 = np.array([65.481, 128.553, 24.966]) / 255.0
"""MATLAB rgb2ycbcr's first row for R, G, B in 0..255 (BasicSR, C2-Matching and DATSR use the same)."""
_GRAY = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
"""MATLAB rgb2gray: BT.601 luma over the full range."""


def luma(image: Image) -> Floats:
    """uint8 RGB (H, W, 3) -> Y, float64 (H, W), 16..235. Rounding Y would move PSNR by up to 0.07 dB."""
    weighted: Floats = image.astype(np.float64) @ _Y601
    return weighted + 16.0


def gray(image: Image) -> Floats:
    """uint8 RGB (H, W, 3) -> full-range luma (H, W), 0..255, rounded to whole numbers as rgb2gray does."""
    weighted: Floats = image.astype(np.float64) @ _GRAY
    return np.floor(weighted + 0.5)


def channels(image: Image, space: str) -> Floats:
    """``y601``: luma (H, W); ``gray``: :func:`gray` (H, W); ``rgb``: the image as float64 (H, W, 3)."""
    if space == "y601":
        return luma(image)
    if space == "gray":
        return gray(image)
    if space == "rgb":
        return image.astype(np.float64)
    raise ValueError(f"unknown colour space {space!r}; known: {', '.join(SPACES)}")


def measured(image: Image, space: str, variant: str) -> Floats:
    """:func:`channels`, with ``variant`` ``pyiqa`` rounded as pyiqa does (half to even) before measuring."""
    values = channels(image, space)
    return np.round(values) if variant == "pyiqa" else values
