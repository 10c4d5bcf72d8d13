"""Bicubic against a brute-force kernel, the top-left crop, and PNG files that are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbench.errors import SampleError, UserError
from refbench.imaging import bicubic_down, bicubic_resize, bicubic_up, mod_crop, read_image, write_png

IMAGE = np.random.default_rng(3).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def _kernel(x: npt.NDArray[np.float64], a: float) -> npt.NDArray[np.float64]:
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _weights(size: int, target: int, a: float = -0.5) -> npt.NDArray[np.float64]:
    """(target, size) resampling matrix: Keys' kernel, widened when shrinking, rows normalised."""
    ratio = size / target
    centre = (np.arange(target) + 0.5) * ratio
    distance = (np.arange(size)[None, :] + 0.5 - centre[:, None]) / max(ratio, 1.0)
    weights = _kernel(distance, a)
    normalised: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _to_8bit(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.clip(np.floor(values + 0.5), 0.0, 255.0)


@pytest.mark.parametrize("size", [(6, 9), (96, 144), (17, 50), (40, 20), (24, 36)])
def test_bicubic_equals_the_keys_kernel_with_antialiasing(size: tuple[int, int]) -> None:
    rows, columns = _weights(24, size[0]), _weights(36, size[1])
    # Pillow rounds half up and clips to 8 bit between its two passes
    wide = _to_8bit(np.einsum("xw,hwc->hxc", columns, IMAGE.astype(np.float64)))
    expected = _to_8bit(np.einsum("yh,hxc->yxc", rows, wide))
    actual = bicubic_resize(IMAGE, size).astype(np.float64)
    assert actual.shape == (*size, 3)
    assert np.abs(actual - expected).max() <= 1
    assert (actual == expected).mean() > 0.99


def test_down_and_up_by_a_factor() -> None:
    assert bicubic_down(IMAGE, 4).shape == (6, 9, 3)
    assert bicubic_up(IMAGE, 4).shape == (96, 144, 3)
    np.testing.assert_array_equal(bicubic_down(IMAGE, 4), bicubic_resize(IMAGE, (6, 9)))


def test_down_refuses_sizes_that_are_not_multiples() -> None:
    with pytest.raises(ValueError, match="24x36 is not a multiple of 5"):
        bicubic_down(IMAGE, 5)


@given(height=st.integers(4, 40), width=st.integers(4, 40), multiple=st.integers(1, 4))
def test_mod_crop_keeps_the_top_left_corner(height: int, width: int, multiple: int) -> None:
    image = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    cropped = mod_crop(image, multiple)
    h, w = cropped.shape[:2]
    assert h % multiple == 0
    assert w % multiple == 0
    assert height - h < multiple
    assert width - w < multiple
    np.testing.assert_array_equal(cropped, image[:h, :w])


def test_mod_crop_of_a_too_small_image_says_so() -> None:
    with pytest.raises(SampleError, match="a 9x3 image is smaller than the multiple 4"):
        mod_crop(np.zeros((3, 9, 3), np.uint8), 4)


def test_png_round_trip_creates_folders_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = write_png(tmp_path / "new folder" / "ü 1.png", IMAGE)
    np.testing.assert_array_equal(read_image(path), IMAGE)
    assert os.listdir(path.parent) == ["ü 1.png"]


def test_unwritable_target_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write .*a\.png"):
        write_png(tmp_path / "file" / "a.png", IMAGE)


def test_write_refuses_other_types(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\), got float64"):
        write_png(tmp_path / "a.png", IMAGE / 255.0)  # type: ignore[arg-type]
