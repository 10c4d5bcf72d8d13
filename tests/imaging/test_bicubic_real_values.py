"""PSNR-Y of bicubic on real CUFED5 and WR-SR images, as the official metric code gives it.

The images may not be redistributed: the test runs where REFBENCH_REAL_DATA names a folder that holds
``CUFED5`` and ``WR-SR`` copies (a few images are enough).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from refbench.imaging import bicubic_down, bicubic_up, mod_crop, read_image
from refbench.types import Image

CROP_4 = {
    "CUFED5/001_0.png": 22.3092,
    "WR-SR/input/001.png": 24.6524,
    "WR-SR/input/002.png": 24.8878,
    "WR-SR/input/003.png": 24.2821,
    "WR-SR/input/004.png": 26.4679,
    "WR-SR/input/005.png": 26.6655,
    "WR-SR/input/006.png": 21.9633,
}


def _luma(image: Image) -> npt.NDArray[np.float64]:
    weights = np.array([65.481, 128.553, 24.966]) / 255
    luma: npt.NDArray[np.float64] = 16 + image.astype(np.float64) @ weights
    return luma[4:-4, 4:-4]


@pytest.mark.parametrize("name", sorted(CROP_4))
def test_bicubic_psnr_y(name: str) -> None:
    root = os.environ.get("REFBENCH_REAL_DATA")
    if not root or not (Path(root) / name).is_file():
        pytest.skip(f"REFBENCH_REAL_DATA has no {name}: the image may not be redistributed")
    hr = mod_crop(read_image(Path(root) / name), 4)
    sr = bicubic_up(bicubic_down(hr, 4), 4)
    value = 10 * np.log10(255**2 / np.mean((_luma(hr) - _luma(sr)) ** 2))
    assert value == pytest.approx(CROP_4[name], abs=1e-3)
