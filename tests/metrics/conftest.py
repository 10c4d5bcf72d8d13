"""The bicubic astronaut: a real photo whose values are known from the field's own codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from PIL import Image as PilImage

from refbench.types import Image


@pytest.fixture(scope="session")
def astronaut() -> tuple[Image, Image]:
    """(bicubic x4 down and up, original), uint8 RGB 512x512."""
    load: Callable[[], Image] = skimage.data.astronaut
    photo = PilImage.fromarray(load())
    small = photo.resize((128, 128), PilImage.Resampling.BICUBIC)
    return np.asarray(small.resize((512, 512), PilImage.Resampling.BICUBIC)), np.asarray(photo)
