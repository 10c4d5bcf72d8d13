"""Textures without a place: they look like a photo's surface and correspond to nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def texture_of(image: Pixels, rng: np.random.Generator) -> Pixels:
    """A texture like that of ``image`` (P, P, 3): its spectrum with random phases, or one small tile over
    and over, mirrored at its edges; each in half of the draws."""
    return random_phase(image, rng) if rng.random() < 0.5 else mirrored_tiles(image, rng)


def random_phase(image: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture with the same amplitude of every frequency and the phases of noise, equal in all
    channels so that colours stay together (Galerne et al., Random Phase Textures, 2011)."""
    height, width = image.shape[:2]
    phases = np.angle(np.fft.rfft2(rng.standard_normal((height, width))))
    # the mean keeps its sign
    phases[0, 0] = 0.0
    turned = np.fft.rfft2(image, axes=(0, 1)) * np.exp(1j * phases)[..., None]
    return np.clip(np.rint(np.fft.irfft2(turned, (height, width), axes=(0, 1))), 0, 255).astype(np.uint8)


def mirrored_tiles(image: Pixels, rng: np.random.Generator) -> Pixels:
    """A random square of an eighth to a third of the side, continued by reflection."""
    side = image.shape[0]
    tile = int(rng.integers(max(2, side // 8), max(3, side // 3) + 1))
    top, left = rng.integers(0, side - tile + 1, 2)
    piece = image[top : top + tile, left : left + tile]
    after = side - tile
    return np.pad(piece, ((0, after), (0, after), (0, 0)), mode="symmetric")
