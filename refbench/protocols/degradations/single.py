"""One thing at a time: LR as canonical makes it, but for a blur, noise, JPEG or another kernel.

Levels are refbench's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image as PilImage

from refbench.imaging import bicubic_down
from refbench.protocols.degradations import Degradation, Facts
from refbench.protocols.degradations.resample import resample
from refbench.protocols.transforms.corruption import apply_blur, apply_jpeg, apply_noise
from refbench.types import Image

PILLOW = {
    "box": PilImage.Resampling.BOX,
    "bilinear": PilImage.Resampling.BILINEAR,
    "lanczos": PilImage.Resampling.LANCZOS,
}
"""Pillow's antialiased kernels."""
PLAIN = ("nearest", "bilinear-plain", "bicubic-plain")
"""Without antialiasing, as cv2.resize and torch's interpolate do by default: what the literature's LR never
was and many codes' LR is."""
KERNELS = (*PILLOW, *PLAIN)


def blurred(
    hr: Image, scale: int, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """HR is blurred by a Gaussian (sigma in HR pixels at x4, in proportion at others), then reduced."""
    soft, _ = apply_blur(hr, {"sigma": params["sigma"] * scale / 4}, rng)
    return bicubic_down(soft, scale), {}


def noisy(
    hr: Image, scale: int, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """White Gaussian noise on LR, sigma in grey values of 255, independent per channel."""
    return apply_noise(bicubic_down(hr, scale), params, rng)


def compressed(
    hr: Image, scale: int, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """LR through JPEG, chroma subsampled 4:2:0."""
    return apply_jpeg(bicubic_down(hr, scale), params, rng)


def reduced(
    hr: Image, scale: int, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """HR is reduced by another kernel than bicubic (``-plain``: without antialiasing, as cv2 and torch).

    params: ``kernel``, its place in KERNELS.
    """
    name = KERNELS[int(params["kernel"])]
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    if name in PILLOW:
        # one axis after the other in a fixed order, as refbench.imaging.resize
        columns = PilImage.fromarray(hr).resize((width, hr.shape[0]), PILLOW[name])
        return np.array(columns.resize((width, height), PILLOW[name]), dtype=np.uint8), {}
    made = resample(hr.astype(np.float64), (height, width), name.removesuffix("-plain"))
    return np.rint(made).clip(0, 255).astype(np.uint8), {}


BLUR = Degradation("blur", 1, {f"sigma{s:g}": {"sigma": s} for s in (1.0, 2.0, 4.0)}, blurred, random=False)
NOISE = Degradation("noise", 1, {f"sigma{s:g}": {"sigma": s} for s in (5.0, 15.0, 30.0)}, noisy)
JPEG = Degradation(
    "jpeg", 1, {f"q{q:g}": {"quality": q} for q in (80.0, 50.0, 20.0)}, compressed, random=False
)
KERNEL = Degradation(
    "kernel",
    1,
    {name: {"kernel": float(i)} for i, name in enumerate(KERNELS)},
    reduced,
    random=False,
    ordered=False,
)
