"""Photometric changes of the reference: gamma, exposure, white balance, and a night-like rendering.

Levels are refbench's own. Exposure, white balance and night work in linear light (sRGB transfer curve of
IEC 61966-2-1), as a camera's do; the result is clipped and rounded to 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from refbench.protocols.transforms import Transform
from refbench.types import Image

Facts = dict[str, str | float]
Linear = npt.NDArray[np.float64]


def to_linear(image: Image) -> Linear:
    """sRGB uint8 -> linear light in [0, 1]."""
    value = image.astype(np.float64) / 255.0
    linear: Linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear


def to_srgb(linear: Linear) -> Image:
    """Linear light -> sRGB uint8, clipped."""
    light = np.clip(linear, 0.0, 1.0)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    image: Image = np.rint(value * 255.0).astype(np.uint8)
    return image


def apply_gamma(image: Image, params: Mapping[str, float], rng: np.random.Generator) -> tuple[Image, Facts]:
    """value ** g or value ** (1 / g), either with equal chance; g is the level's strength."""
    gamma = params["gamma"] if rng.random() < 0.5 else 1.0 / params["gamma"]
    value = (image.astype(np.float64) / 255.0) ** gamma
    return np.rint(value * 255.0).astype(np.uint8), {"gamma": round(gamma, 6)}


def apply_exposure(
    image: Image, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """More or less light by ``stops``, either with equal chance."""
    stops = params["stops"] * (1.0 if rng.random() < 0.5 else -1.0)
    return to_srgb(to_linear(image) * 2.0**stops), {"stops": stops}


def apply_white_balance(
    image: Image, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """Red and blue gains g and 1 / g in linear light (warmer), or the other way round (cooler)."""
    gain = params["gain"] if rng.random() < 0.5 else 1.0 / params["gain"]
    return to_srgb(to_linear(image) * np.array([gain, 1.0, 1.0 / gain])), {"red_gain": round(gain, 6)}


def apply_night(image: Image, params: Mapping[str, float], rng: np.random.Generator) -> tuple[Image, Facts]:
    """Less light, a blue cast, less colour and shot noise: day seen as night, not a model of night."""
    light = to_linear(image) * 2.0 ** -params["stops"] * np.array([0.85, 0.95, 1.15])
    grey = (light @ np.array([0.2126, 0.7152, 0.0722]))[..., None]
    light = grey + (light - grey) * params["saturation"]
    photons = params["photons"]
    noisy = rng.poisson(np.clip(light, 0.0, None) * photons) / photons
    return to_srgb(noisy), {}


GAMMA = Transform("gamma", 1, {k: {"gamma": float(k)} for k in ("1.2", "1.5", "2.0")}, apply_gamma)
EXPOSURE = Transform("exposure", 1, {f"{s:g}EV": {"stops": s} for s in (0.5, 1.0, 2.0)}, apply_exposure)
WHITE_BALANCE = Transform(
    "white_balance", 1, {k: {"gain": float(k)} for k in ("1.1", "1.25", "1.5")}, apply_white_balance
)
NIGHT = Transform(
    "night",
    1,
    {
        "dusk": {"stops": 1.0, "saturation": 0.8, "photons": 2000.0},
        "evening": {"stops": 2.0, "saturation": 0.6, "photons": 800.0},
        "night": {"stops": 3.0, "saturation": 0.4, "photons": 400.0},
    },
    apply_night,
)
