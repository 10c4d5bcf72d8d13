"""Colour jitter of the reference, as in DATSR's robustness experiment, but seeded per image and draw.

The official code applies torchvision's ColorJitter(0.2, 0.2, 0.2, 0.05) to the 8-bit reference at test
time, its four operations in random order, drawing from the global generator. Here order and factors
come from the trial's own generator and the operations are torchvision's. Level x1 is the code's setting;
x0.5 and x2 are refbench's own: no public text names the paper's other levels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from refbench.protocols.transforms import Transform
from refbench.types import Image

OPERATIONS = ("brightness", "contrast", "saturation", "hue")


def draw_factors(
    strength: Mapping[str, float], rng: np.random.Generator
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Order of the four operations and their factors.

    Brightness, contrast and saturation factors are uniform in [1 - s, 1 + s], hue in [-s, s] (turns).
    The same generator state gives the same order and the same relative factors at every strength.
    """
    order = tuple(OPERATIONS[i] for i in rng.permutation(len(OPERATIONS)))
    unit = dict(zip(OPERATIONS, rng.uniform(-1.0, 1.0, len(OPERATIONS)).tolist(), strict=True))
    factors = {name: (0.0 if name == "hue" else 1.0) + strength[name] * unit[name] for name in OPERATIONS}
    return order, {name: max(0.0, f) if name != "hue" else f for name, f in factors.items()}


def jitter(
    image: Image, strength: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, dict[str, str | float]]:
    """Jitter one uint8 RGB image; the facts are the order and the four factors."""
    from PIL import Image as PilImage
    from torchvision.transforms import functional as tf

    operations = {
        "brightness": tf.adjust_brightness,
        "contrast": tf.adjust_contrast,
        "saturation": tf.adjust_saturation,
        "hue": tf.adjust_hue,
    }
    order, factors = draw_factors(strength, rng)
    picture = PilImage.fromarray(image)
    for name in order:
        picture = operations[name](picture, factors[name])
    facts: dict[str, str | float] = {"order": ">".join(order)}
    facts.update({name: round(f, 6) for name, f in factors.items()})
    return np.asarray(picture, dtype=np.uint8), facts


def _level(scale: float) -> dict[str, float]:
    return {
        "brightness": 0.2 * scale, "contrast": 0.2 * scale, "saturation": 0.2 * scale, "hue": 0.05 * scale
    }  # fmt: skip


TRANSFORM = Transform(
    name="jitter",
    version=1,
    levels={"x0.5": _level(0.5), "x1": _level(1.0), "x2": _level(2.0)},
    apply=jitter,
    official_level="x1",
    imports=("torchvision.transforms.functional",),
)
