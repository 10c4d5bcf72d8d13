"""Colours of SR made those of LR before scoring, as codes around diffusion models do.

Both take the 8-bit LR image at SR's size (PIL bicubic), work in float64 on [0, 1] and round once. Sources:
``adain``, Huang and Belongie (ICCV 2017), equation (8), with LR as the style; ``wavelet``, the correction of
StableSR (Wang et al., IJCV 2024): five levels of an undecimated wavelet, details of SR on the base of LR.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from refbench.imaging import bicubic_resize
from refbench.types import Image

Floats = npt.NDArray[np.float64]
ColourFix = Literal["none", "adain", "wavelet"]
COLOUR_FIXES: tuple[str, ...] = get_args(ColourFix)
LEVELS = 5
VARIANCE = 1e-5
"""Added to both variances of ``adain``."""


def fix_colour(sr: Image, lr: Image, kind: str) -> Image:
    """``sr`` (H, W, 3) with the colours of ``lr``, of any size; ``kind``: one of COLOUR_FIXES."""
    if kind == "none":
        return sr
    made = sr.astype(np.float64) / 255
    like = bicubic_resize(lr, (sr.shape[0], sr.shape[1])).astype(np.float64) / 255
    fixed = adain(made, like) if kind == "adain" else made - smooth(made) + smooth(like)
    image: Image = np.rint(fixed.clip(0, 1) * 255).astype(np.uint8)
    return image


def adain(content: Floats, style: Floats) -> Floats:
    """``content`` (H, W, 3) with the mean and standard deviation (n - 1) of each channel of ``style``."""
    mean, spread = _moments(content)
    wanted, wide = _moments(style)
    fixed: Floats = (content - mean) / spread * wide + wanted
    return fixed


def smooth(image: Floats) -> Floats:
    """The base of an undecimated wavelet: [1 2 1] / 4 along both axes at distances 1, 2, 4, 8 and 16, the
    border repeated."""
    for level in range(LEVELS):
        reach = 2**level
        for axis in (0, 1):
            pad = [(0, 0)] * 3
            pad[axis] = (reach, reach)
            wide = np.pad(image, pad, mode="edge")
            length = image.shape[axis]
            first, middle, last = (wide.take(range(k * reach, k * reach + length), axis) for k in range(3))
            image = 0.25 * first + 0.5 * middle + 0.25 * last
    return image


def _moments(image: Floats) -> tuple[Floats, Floats]:
    flat = image.reshape(-1, image.shape[2])
    return flat.mean(axis=0), np.sqrt(flat.var(axis=0, ddof=1) + VARIANCE)
