"""How photographs of one place differ: light, lens, sensor and file, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refbench.errors import UserError

from .distort import (
    Pixels,
    blur,
    colour_jitter,
    exposure,
    gamma,
    jpeg,
    noise,
    saturation,
    white_balance,
)


@dataclass(frozen=True)
class CameraRecipe:
    """The largest change of each kind and the share of pictures that get it. The default changes nothing."""

    light_share: float = 0.0
    """Share of pictures with another exposure, tone curve, white balance and saturation."""
    exposure: float = 0.6
    """Largest change in stops, up or down."""
    gamma: float = 0.15
    """Largest change of the tone curve's exponent, as a factor less one."""
    white_balance: float = 0.12
    """Largest change of red and of blue, as a factor less one."""
    saturation: float = 0.25
    """Largest change of saturation, as a factor less one."""
    jitter_share: float = 0.0
    """Share with the colour jitter of the DATSR code besides."""
    jitter: tuple[float, float, float, float] = (0.2, 0.2, 0.2, 0.05)
    """Brightness, contrast, saturation, hue."""
    blur_share: float = 0.0
    blur: float = 2.0
    """Largest sigma in pixels."""
    noise_share: float = 0.0
    noise: float = 6.0
    """Largest standard deviation in 8-bit levels."""
    jpeg_share: float = 0.0
    jpeg: tuple[int, int] = (40, 95)
    """Lowest and highest quality."""

    def __post_init__(self) -> None:
        shares = (self.light_share, self.jitter_share, self.blur_share, self.noise_share, self.jpeg_share)
        if any(not 0 <= share <= 1 for share in shares):
            raise UserError("train.synthesis: every share of a camera must lie in [0, 1]")
        if not 1 <= self.jpeg[0] <= self.jpeg[1] <= 95:
            raise UserError(f"train.synthesis: jpeg {self.jpeg} is not a range of qualities within 1 to 95")


def photograph(image: Pixels, recipe: CameraRecipe, rng: np.random.Generator) -> Pixels:
    """``image`` as another camera would have stored it: light, jitter, blur, noise, JPEG, in this order."""
    if rng.random() < recipe.light_share:
        image = _lit(image, recipe, rng)
    if rng.random() < recipe.jitter_share:
        image = colour_jitter(image, rng, recipe.jitter)
    if rng.random() < recipe.blur_share:
        image = blur(image, rng.uniform(0, recipe.blur))
    if rng.random() < recipe.noise_share:
        image = noise(image, rng, rng.uniform(0, recipe.noise))
    if rng.random() < recipe.jpeg_share:
        image = jpeg(image, int(rng.integers(recipe.jpeg[0], recipe.jpeg[1] + 1)))
    return image


def _lit(image: Pixels, recipe: CameraRecipe, rng: np.random.Generator) -> Pixels:
    def factor(largest: float) -> float:
        return float((1.0 + largest) ** rng.uniform(-1.0, 1.0))

    values = white_balance(
        image.astype(np.float32), factor(recipe.white_balance), factor(recipe.white_balance)
    )
    values = exposure(values, rng.uniform(-recipe.exposure, recipe.exposure))
    values = saturation(values, factor(recipe.saturation))
    values = gamma(values, factor(recipe.gamma))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
