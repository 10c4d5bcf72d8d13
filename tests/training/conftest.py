"""Small photos and a recipe that trains in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

TINY_NET = {
    "widths": [4, 4, 8],
    "channels": [4, 4, 4],
    "extractor_channels": [4, 4, 4],
    "groups": 1,
    "aggregation": ["residual", "residual", "swin"],
    "depths": [[], [], [1]],
    "heads": [[], [], [1]],
    "residual_blocks": [1, 1, 0],
    "window": 4,
}


def picture(seed: int, size: tuple[int, int] = (64, 72)) -> Image.Image:
    """A smooth random picture with edges: blurred noise, thresholded in one channel."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (size[0] // 4, size[1] // 4, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(small).resize((size[1], size[0]), Image.Resampling.BICUBIC)).copy()
    pixels[..., 0] = np.where(pixels[..., 1] > 128, pixels[..., 0], 255 - pixels[..., 0])
    return Image.fromarray(pixels)


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """Five PNG photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        picture(number).save(folder / f"p{number}.png")
    return folder


@pytest.fixture
def tiny_config(tmp_path: Path, photo_folder: Path) -> Mapping[str, Any]:
    """A compact DATSR of a few thousand parameters, four steps a stage."""
    return {
        "method": "datsr",
        "preset": "compact",
        "out": str(tmp_path / "out"),
        "seed": 3,
        "train": {
            "data": str(photo_folder),
            "photo_sizes": [],
            "checkpoint_every": 2,
            "net": TINY_NET,
            "stage1": {"teacher": 2, "student": 4, "batch": 2, "patch": 32},
            "stage2": {"steps": 4, "batch": 2, "patch": 32, "optim": {"warmup": 2}},
            "validation": {"every": 4, "pairs": 2, "patch": 32},
        },
    }
