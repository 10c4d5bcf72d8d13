"""Corruptions of the reference: blur, noise, JPEG, lower resolution. Levels are refbench's own."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image as PilImage

from refbench.imaging import bicubic_resize
from refbench.protocols.transforms import Transform
from refbench.types import Image

Facts = dict[str, str | float]


def apply_blur(image: Image, params: Mapping[str, float], rng: np.random.Generator) -> tuple[Image, Facts]:
    """Gaussian blur, sigma in pixels, borders repeated, computed in float and rounded once."""
    sigma = params["sigma"]
    radius = int(np.ceil(3.0 * sigma))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    pixels = image.astype(np.float64)
    for axis in (0, 1):
        width = [(0, 0)] * 3
        width[axis] = (radius, radius)
        padded = np.pad(pixels, width, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=axis)
        pixels = windows @ taps
    return np.rint(pixels).clip(0, 255).astype(np.uint8), {}


def apply_noise(image: Image, params: Mapping[str, float], rng: np.random.Generator) -> tuple[Image, Facts]:
    """White Gaussian noise, sigma in grey values of 255, independent per channel."""
    noisy = image + rng.normal(0.0, params["sigma"], image.shape)
    return np.rint(noisy).clip(0, 255).astype(np.uint8), {}


def apply_jpeg(image: Image, params: Mapping[str, float], rng: np.random.Generator) -> tuple[Image, Facts]:
    """Through JPEG at a quality of libjpeg's scale, chroma subsampled 4:2:0."""
    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "JPEG", quality=int(params["quality"]), subsampling=2)
    with PilImage.open(buffer) as picture:
        return np.asarray(picture.convert("RGB")), {}


def apply_downscale(
    image: Image, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """Down by ``factor`` and back up, PIL bicubic: a reference with less detail, size unchanged."""
    height, width = image.shape[:2]
    small = (max(1, round(height / params["factor"])), max(1, round(width / params["factor"])))
    return bicubic_resize(bicubic_resize(image, small), (height, width)), {}


BLUR = Transform("blur", 1, {f"sigma{s:g}": {"sigma": s} for s in (1.0, 2.0, 4.0)}, apply_blur, random=False)
NOISE = Transform("noise", 1, {f"sigma{s:g}": {"sigma": s} for s in (5.0, 15.0, 30.0)}, apply_noise)
JPEG = Transform("jpeg", 1, {f"q{q:g}": {"quality": q} for q in (50.0, 20.0, 10.0)}, apply_jpeg, random=False)
DOWNSCALE = Transform(
    "downscale", 1, {f"x{f:g}": {"factor": f} for f in (1.5, 2.0, 4.0)}, apply_downscale, random=False
)
