"""Deformable convolution by gathers, against the official operator's values and torchvision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import deform_conv2d

from refbench.nets import deform_gather
from refbench.nets.deform import deform_conv
from refbench.nets.dyn_agg import DynamicAggregation

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "dcnv2_op.npz"


def test_official_operator() -> None:
    g = {name: torch.from_numpy(a) for name, a in np.load(GOLDEN).items()}
    with torch.inference_mode():
        out = deform_conv(g["x"][None], g["offset"][None], g["mask"][None], g["weight"], g["bias"], 2)
    assert torch.allclose(out[0], g["out"], atol=1e-12)


def test_gathers_give_the_official_operators_values() -> None:
    """With pre-offsets zero and masks passed as logits, the aggregation is the bare operator."""
    g = {name: torch.from_numpy(a).float() for name, a in np.load(GOLDEN).items()}
    raw = torch.cat((g["offset"], torch.logit(g["mask"].clamp(1e-6, 1 - 1e-6))))[None]
    zero = torch.zeros(1, 9, *g["x"].shape[1:], 2)
    with torch.inference_mode():
        out = deform_gather.gather_aggregate(
            g["x"][None], raw, zero, None, g["weight"], g["bias"], 2, None, True, True
        )
    assert torch.allclose(out[0], g["out"], atol=2e-5)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    reach=st.sampled_from([0.0, 0.4, 3.0, 40.0]),
    residue=st.sampled_from([None, 10.0]),
    similar=st.booleans(),
    seed=st.integers(0, 99),
)
def test_inference_equals_torchvision(
    height: int, width: int, reach: float, residue: float | None, similar: bool, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    module = DynamicAggregation(8, 4, residue, similar)
    with torch.no_grad():
        module.conv_offset_mask.weight.normal_(0, 0.2, generator=rng)
        module.bias.normal_(generator=rng)
    reference = torch.randn(2, 8, height, width, generator=rng)
    feature = torch.randn(2, 8, height, width, generator=rng)
    pre = (torch.randn(2, 9, height, width, 2, generator=rng) * reach).round()
    similarity = torch.rand(2, 1, height, width, generator=rng)
    with torch.inference_mode():
        fast = module(reference, feature, pre, similarity)
        raw = module.conv_offset_mask(feature)
        offset, logit = raw[:, :72], raw[:, 72:]
        offset = torch.tanh(offset) * residue if residue is not None else offset
        offset = offset.reshape(2, 4, 9, 2, height, width) + pre.permute(0, 1, 4, 2, 3).flip(2)[:, None]
        mask = torch.sigmoid(logit * similarity if similar else logit)
        wanted = deform_conv2d(
            reference, offset.reshape(2, 72, height, width), module.weight, module.bias, 1, 1, 1, mask
        )
    assert torch.allclose(fast, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(5, 12), (12, 5), (3, 3)])
def test_reference_of_another_size(size: tuple[int, int]) -> None:
    """Inference by gathers, and the differentiable path, agree for a smaller and a larger reference."""
    module = DynamicAggregation(8, 2, 10.0, True)
    torch.nn.init.normal_(module.conv_offset_mask.weight, std=0.2)
    reference, feature = torch.randn(1, 8, *size), torch.randn(1, 8, 7, 8)
    pre = torch.randint(-9, 9, (1, 9, 7, 8, 2)).float()
    similarity = torch.rand(1, 1, 7, 8)
    with torch.inference_mode():
        fast = module(reference, feature, pre, similarity)
    assert torch.allclose(fast, module(reference, feature, pre, similarity), rtol=1e-4, atol=1e-4)


def test_rows_in_work_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    module = DynamicAggregation(8, 2, None)
    torch.nn.init.normal_(module.conv_offset_mask.weight, std=0.2)
    reference, feature = torch.randn(1, 8, 11, 6), torch.randn(1, 8, 11, 6)
    pre = torch.randint(-9, 9, (1, 9, 11, 6, 2)).float()
    with torch.inference_mode():
        whole = module(reference, feature, pre, None)
        monkeypatch.setattr(deform_gather, "PIXELS", 6)
        rows = module(reference, feature, pre, None)
    assert torch.allclose(whole, rows, atol=1e-6)


def test_similarity_is_required_where_the_mask_uses_it() -> None:
    module = DynamicAggregation(8, 2, None, similarity_in_mask=True)
    zeros = torch.zeros(1, 8, 3, 3)
    with pytest.raises(ValueError, match="similarity"):
        module(zeros, zeros, torch.zeros(1, 9, 3, 3, 2), None)
