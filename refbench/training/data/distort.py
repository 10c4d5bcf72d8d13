"""What a camera and a file format do to a picture. uint8 RGB in and out unless it says float."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageFilter

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_RGB_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], dtype=np.float32
)
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ).astype(np.float32)


def _round(image: Floats) -> Pixels:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def brightness(image: Floats, factor: float) -> Floats:
    """Multiply by ``factor``."""
    scaled: Floats = image * np.float32(factor)
    return scaled


def contrast(image: Floats, factor: float) -> Floats:
    """Blend with the mean grey level: factor 0 is flat, 1 unchanged."""
    mean = np.float32((image @ _LUMA).mean())
    return (mean + (image - mean) * factor).astype(np.float32)


def saturation(image: Floats, factor: float) -> Floats:
    """Blend with the grey image: factor 0 is grey, 1 unchanged."""
    grey: Floats = np.asarray(image @ _LUMA, dtype=np.float32)[..., None]
    return (grey + (image - grey) * factor).astype(np.float32)


def hue(image: Floats, turn: float) -> Floats:
    """Turn the hue by ``turn`` of a full circle, as a rotation of the IQ plane."""
    angle = 2 * np.pi * turn
    rotate = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]], dtype=np.float32
    )
    return np.asarray(image @ (_YIQ_TO_RGB @ rotate @ _RGB_TO_YIQ).T, dtype=np.float32)


def exposure(image: Floats, stops: float) -> Floats:
    """Expose by ``stops`` more: linear light times 2^stops, under a display gamma of 2.2."""
    return brightness(image, 2.0 ** (stops / 2.2))


def gamma(image: Floats, exponent: float) -> Floats:
    """Tone curve 255 (v / 255)^exponent: below 1 it lifts the shadows."""
    return np.asarray(255 * (np.clip(image, 0, 255) / 255) ** np.float32(exponent), dtype=np.float32)


def white_balance(image: Floats, red: float, blue: float) -> Floats:
    """Multiply red and blue: a warmer or colder light."""
    return np.asarray(image * np.array([red, 1.0, blue], dtype=np.float32), dtype=np.float32)


def colour_jitter(
    image: Pixels, rng: np.random.Generator, amounts: Sequence[float] = (0.2, 0.2, 0.2, 0.05)
) -> Pixels:
    """Random brightness, contrast, saturation and hue in random order.

    The first three factors come from [1 - a, 1 + a], the hue turn from [-a, a]. The hue is a rotation in
    YIQ, not HSV: training only needs variety, the evaluation protocol has its own exact jitter.
    """
    b, c, s, h = amounts
    steps: tuple[tuple[Callable[[Floats, float], Floats], float], ...] = (
        (brightness, 1 + rng.uniform(-b, b)),
        (contrast, 1 + rng.uniform(-c, c)),
        (saturation, 1 + rng.uniform(-s, s)),
        (hue, rng.uniform(-h, h)),
    )
    values = image.astype(np.float32)
    for position in rng.permutation(len(steps)):
        apply, amount = steps[position]
        values = np.clip(apply(values, amount), 0, 255)
    return _round(values)


def blur(image: Pixels, sigma: float) -> Pixels:
    """Gaussian blur with ``sigma`` in pixels (Pillow's approximation by box filters)."""
    return np.asarray(PILImage.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def noise(image: Pixels, rng: np.random.Generator, sigma: float) -> Pixels:
    """Add independent Gaussian noise of standard deviation ``sigma`` (in 8-bit levels)."""
    return _round(image.astype(np.float32) + rng.normal(0.0, sigma, image.shape).astype(np.float32))


def jpeg(image: Pixels, quality: int) -> Pixels:
    """Compress as JPEG of ``quality`` (1 to 95) and decode again."""
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, "JPEG", quality=quality)
    with PILImage.open(buffer, formats=("JPEG",)) as decoded:
        return np.asarray(decoded.convert("RGB"))
