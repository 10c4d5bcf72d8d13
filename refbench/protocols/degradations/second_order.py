"""The second-order degradation of Real-ESRGAN (Wang et al., ICCV Workshops 2021, sections 3.1 to 3.4).

Two rounds of blur, resize, noise and JPEG, then a sinc filter and the last resize, with the paper's
probabilities and ranges (section 4.1). The released training code draws from a running generator for whole
batches; here each image has numbers of its own. Three things are done as an image file would have it, so LR
images are not those of any paper: JPEG is libjpeg's at 4:2:0 on 8-bit values, Poisson noise is scaled by the
number of grey levels in the image, and resizing is without antialiasing (bilinear, bicubic) or by area, as
cv2 and torch do.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage

from refbench.protocols.degradations import Degradation, Facts
from refbench.protocols.degradations.kernels import drawn_kernel, filtered, sinc
from refbench.protocols.degradations.resample import resample
from refbench.types import Image

Floats = npt.NDArray[np.float64]
MODES = ("area", "bilinear", "bicubic")
JPEG_QUALITY = (30.0, 95.0)
GREY_NOISE = 0.4
"""Probability that noise is the same in all channels."""
GAUSSIAN_NOISE = 0.5
"""Probability of Gaussian noise, else Poisson noise."""
FINAL_SINC = 0.8
SKIP_SECOND_BLUR = 0.2


@dataclass(frozen=True)
class Order:
    """Ranges of one of the two rounds."""

    blur_sigma: tuple[float, float]
    resize: tuple[float, float, float]
    """Probabilities of enlarging, reducing and keeping the size."""
    factor: tuple[float, float]
    noise_sigma: tuple[float, float]
    """Gaussian, in grey values of 255."""
    poisson_scale: tuple[float, float]


FIRST = Order((0.2, 3.0), (0.2, 0.7, 0.1), (0.15, 1.5), (1.0, 30.0), (0.05, 3.0))
SECOND = Order((0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), (1.0, 25.0), (0.05, 2.5))


def degrade(
    hr: Image, scale: int, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[Image, Facts]:
    """Two rounds of blur, resize, noise and JPEG, then a sinc filter; every number is drawn for the image.

    params: ``orders``, 2 for the whole chain.
    """
    size = (hr.shape[0] // scale, hr.shape[1] // scale)
    image = hr.astype(np.float64) / 255
    facts: Facts = {}
    for number, order in enumerate((FIRST, SECOND)[: int(params["orders"])], 1):
        if number == 1 or rng.random() >= SKIP_SECOND_BLUR:
            kernel, name = drawn_kernel(rng, order.blur_sigma)
            image = filtered(image, kernel)
            facts[f"{number}.blur"] = name
        factor = _factor(rng, order)
        mode = MODES[int(rng.integers(len(MODES)))]
        base = hr.shape[:2] if number == 1 else size
        image = resample(image, (max(1, round(base[0] * factor)), max(1, round(base[1] * factor))), mode)
        facts[f"{number}.resize"] = f"{mode} {factor:.3f}"
        image, facts[f"{number}.noise"] = _noisy(image, rng, order)
        if number == 1:
            image, facts["1.jpeg"] = _jpeg(image, rng)
    # the last reduction and sinc filter before or after the last JPEG, with equal chance
    kernel = _final_kernel(rng)
    mode = MODES[int(rng.integers(len(MODES)))]
    if rng.random() < 0.5:
        image = filtered(resample(image, size, mode), kernel)
        image, facts["2.jpeg"] = _jpeg(image, rng)
        facts["end"] = "sinc, jpeg"
    else:
        image, facts["2.jpeg"] = _jpeg(image, rng)
        image = filtered(resample(image, size, mode), kernel)
        facts["end"] = "jpeg, sinc"
    return np.rint(image.clip(0, 1) * 255).astype(np.uint8), facts


def _factor(rng: np.random.Generator, order: Order) -> float:
    """Of the next resize."""
    least, most = order.factor
    choice = rng.random()
    if choice < order.resize[0]:
        return float(rng.uniform(1.0, most))
    if choice < order.resize[0] + order.resize[1]:
        return float(rng.uniform(least, 1.0))
    return 1.0


def _noisy(image: Floats, rng: np.random.Generator, order: Order) -> tuple[Floats, str]:
    grey = rng.random() < GREY_NOISE
    if rng.random() < GAUSSIAN_NOISE:
        sigma = float(rng.uniform(*order.noise_sigma))
        shape = (*image.shape[:2], 1) if grey else image.shape
        noise = rng.normal(0.0, 1.0, shape) * (sigma / 255)
        text = f"gaussian {sigma:.2f}"
    else:
        scale = float(rng.uniform(*order.poisson_scale))
        source = image.clip(0, 1)
        if grey:
            source = (0.2989 * source[..., :1] + 0.587 * source[..., 1:2]) + 0.114 * source[..., 2:]
        eight_bit = np.rint(source * 255)
        levels = 2.0 ** math.ceil(math.log2(max(2, len(np.unique(eight_bit)))))
        light = eight_bit / 255
        noise = (rng.poisson(light * levels) / levels - light) * scale
        text = f"poisson {scale:.3f}"
    return (image + noise).clip(0, 1), text + (" grey" if grey else "")


def _jpeg(image: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
    quality = round(float(rng.uniform(*JPEG_QUALITY)))
    buffer = io.BytesIO()
    eight_bit = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    PilImage.fromarray(eight_bit).save(buffer, "JPEG", quality=quality, subsampling=2)
    with PilImage.open(buffer) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float64) / 255, float(quality)


def _final_kernel(rng: np.random.Generator) -> Floats:
    if rng.random() >= FINAL_SINC:
        return np.ones((1, 1))
    side = int(rng.choice(np.arange(7, 22, 2)))
    return sinc(side, float(rng.uniform(math.pi / 3, math.pi)))


REALESRGAN = Degradation(
    "realesrgan", 1, {"second-order": {"orders": 2.0}}, degrade, imports=("scipy.ndimage", "scipy.special")
)
