"""VGG-like encoders over images of any size: window by window where memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from refbench.nets.vgg import LEVELS
from refbench.tiling import Pass, tiled
from refbench.tiling.windows import Window

FACTOR = 4
"""Image pixels per pixel of relu3_1, the grid in which the image is cut."""
HALO = 3
"""relu3_1 pixels: five 3x3 convolutions, two at HR, two at HR/2 and one at HR/4, see 10 image pixels."""
SCALES = {"relu1_1": 4, "relu2_1": 2, "relu3_1": 1}
EXTRACT_QUERY = "extract query"
EXTRACT_REFERENCE = "extract reference"


def encode(
    name: str,
    image: Tensor,
    levels: Callable[[Tensor], Sequence[Tensor]],
    wanted: Sequence[str] = LEVELS,
) -> list[Tensor]:
    """``levels(image)``, features (B, C_l, ...) of ``image`` (B, 3, 4h, 4w) at the ``wanted`` levels."""

    def compute(window: Window) -> Sequence[Tensor]:
        return levels(window.times(FACTOR).of(image))

    size = (image.shape[2] // FACTOR, image.shape[3] // FACTOR)
    return tiled(name, size, compute, [SCALES[level] for level in wanted])


def encoder_pass(name: str, image: tuple[int, int], channels: Sequence[int], held: float) -> Pass:
    """The pass of :func:`encode` over an image of (4h, 4w), by the encoder's channels, finest first.

    Its peak is at the second convolution: the image, its normalised copy in two layouts, the first two
    maps at HR, and one more for what the convolution itself reserves.
    """
    per_image_pixel = 4.0 * (9 + 3 * channels[0] + channels[1] / 2)
    size = (image[0] // FACTOR, image[1] // FACTOR)
    return Pass(name, size, per_image_pixel * FACTOR**2, held, HALO)


def feature_bytes(image: tuple[int, int], channels: Sequence[int], wanted: Sequence[str] = LEVELS) -> float:
    """Bytes of the features at the ``wanted`` levels of an image of (H, W); channels of all three levels."""
    pixels = image[0] * image[1]
    return sum(
        4.0 * c * pixels * SCALES[level] ** 2 / FACTOR**2
        for level, c in zip(LEVELS, channels, strict=True)
        if level in wanted
    )
