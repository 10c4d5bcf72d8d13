"""The jitter against torchvision's own ColorJitter, and its seeding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage
from torchvision.transforms import ColorJitter

from refbench.identity.rng import generator
from refbench.protocols.transforms import load_transform
from refbench.protocols.transforms.jitter import OPERATIONS, draw_factors, jitter


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 31, 3), dtype=np.uint8)


@pytest.mark.parametrize("level", ["x0.5", "x1", "x2"])
def test_equals_torchvision_with_the_same_order_and_factors(
    level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strength = load_transform("jitter").levels[level]
    for draw in range(4):
        order, factors = draw_factors(strength, generator(7, "jitter@1", "003", draw))
        ids = torch.tensor([OPERATIONS.index(name) for name in order])
        monkeypatch.setattr(
            ColorJitter,
            "get_params",
            staticmethod(lambda *_, ids=ids, f=factors: (ids, *(f[name] for name in OPERATIONS))),
        )
        expected = ColorJitter(**strength)(PilImage.fromarray(picture()))
        got, facts = jitter(picture(), strength, generator(7, "jitter@1", "003", draw))
        assert np.array_equal(got, np.asarray(expected))
        assert facts["order"] == ">".join(order)


def test_official_level_is_the_released_code_setting() -> None:
    family = load_transform("jitter")
    assert family.official_level == "x1"
    assert family.levels["x1"] == {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.text(max_size=20), st.integers(0, 50))
def test_factors_stay_in_range_and_scale_with_the_level(seed: int, sample: str, draw: int) -> None:
    levels = load_transform("jitter").levels
    order, full = draw_factors(levels["x1"], generator(seed, "jitter@1", sample, draw))
    half_order, half = draw_factors(levels["x0.5"], generator(seed, "jitter@1", sample, draw))
    assert order == half_order
    assert sorted(order) == sorted(OPERATIONS)
    for name in OPERATIONS:
        neutral = 0.0 if name == "hue" else 1.0
        assert abs(full[name] - neutral) <= levels["x1"][name] + 1e-12
        assert half[name] - neutral == pytest.approx((full[name] - neutral) / 2)


def test_draws_samples_and_seeds_differ() -> None:
    strength = load_transform("jitter").levels["x1"]
    drawn = {
        tuple(draw_factors(strength, generator(seed, "jitter@1", sample, draw))[1].values())
        for seed in (0, 1)
        for sample in ("001", "002")
        for draw in range(5)
    }
    assert len(drawn) == 20
