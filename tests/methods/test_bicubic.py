"""The baseline equals PIL on the 8-bit image, bit for bit."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from refbench.methods.bicubic.method import Bicubic
from refbench.tensors import to_image, to_tensor
from refbench.types import Input


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_equals_pil_bicubic_on_uint8(height: int, width: int, seed: int) -> None:
    lr = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = PilImage.fromarray(lr).resize((4 * width, 4 * height), PilImage.Resampling.BICUBIC)
    sr = Bicubic(None, "cpu")(Input(to_tensor(lr), ()))
    assert sr.dtype == torch.float32
    assert sr.shape == (3, 4 * height, 4 * width)
    assert np.array_equal(to_image(sr), np.asarray(expected))


def test_an_impulse_shows_the_a_half_kernel() -> None:
    lr = np.full((9, 9, 3), 100, dtype=np.uint8)
    lr[4, 4] = 200
    sr = to_image(Bicubic(None, "cpu")(Input(to_tensor(lr), ())))
    # Keys kernel at distance 1.125 with a = -0.5: -0.0479; with torch's a = -0.75 it is -0.0718.
    centre = 1 - 2.5 * 0.125**2 + 1.5 * 0.125**3
    undershoot = -0.5 * (1.125**3 - 5 * 1.125**2 + 8 * 1.125 - 4)
    assert sr[17, 13, 0] == pytest.approx(100 + 100 * centre * undershoot, abs=1.0)


def test_ignores_references_and_leaves_the_input_alone() -> None:
    lr = torch.rand(3, 5, 7)
    before = lr.clone()
    method = Bicubic(None, "cpu")
    assert torch.equal(method(Input(lr, ())), method(Input(lr, (torch.rand(3, 9, 9),))))
    assert torch.equal(lr, before)


def test_every_grey_value_survives_the_round_trip() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, 2)
    assert np.array_equal(to_image(to_tensor(values)), values)


def test_to_image_clamps_and_refuses_nan_and_other_shapes() -> None:
    assert to_image(torch.tensor([-1.0, 2.0, 0.5]).view(3, 1, 1)).tolist() == [[[0, 255, 128]]]
    with pytest.raises(ValueError, match="NaN"):
        to_image(torch.full((3, 2, 2), float("nan")))
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        to_image(torch.zeros(1, 3, 2, 2))


def test_the_spec_needs_no_torch() -> None:
    import subprocess

    code = (
        "import sys; import refbench.methods.bicubic.spec, refbench.methods.folder.spec;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'PIL')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
