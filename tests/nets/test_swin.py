"""Swin layers: masks, position index, and in-place inference against the differentiable form."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from refbench.methods.datsr.swin import SwinLayers, SwinTransformerBlock
from refbench.methods.datsr.swin_attention import relative_position_index, shift_mask, shift_masks

KEYS = Path(__file__).parents[1] / "data" / "golden" / "datsr.keys.json"


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (24, 16), (40, 40)])
def test_four_masks_describe_every_window(plain: ModuleType, height: int, width: int) -> None:
    wanted = plain.attention_mask(height, width, 8, 4)
    assert torch.equal(shift_masks(height, width, 8, 4), wanted)


def test_only_edge_windows_are_masked() -> None:
    assert not shift_mask(8, 4, False, False).any()
    assert set(shift_mask(8, 4, True, True).unique().tolist()) == {-100.0, 0.0}


def test_position_index_counts_offsets_row_major() -> None:
    index = relative_position_index(8)
    query, key = 3 * 8 + 5, 6 * 8 + 1  # (y, x) = (3, 5) and (6, 1)
    assert index[query, key] == (3 - 6 + 7) * 15 + (5 - 1 + 7)
    assert index.min() == 0
    assert index.max() == 224


def test_keys_are_the_official_ones() -> None:
    listed = {
        e["name"].removeprefix("dyn_agg_restore.down_body_medium."): tuple(e["shape"])
        for e in json.loads(KEYS.read_text())["networks"]["net_g"]["state_dict"]
        if e["name"].startswith("dyn_agg_restore.down_body_medium.")
    }
    own = SwinLayers(128, (4, 4), (4, 4), nominal=80).state_dict()
    assert {name: tuple(t.shape) for name, t in own.items()} == listed


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [(4, 4), (4, 12), (12, 8)])
def test_in_place_inference_equals_the_differentiable_form(shift: int, size: tuple[int, int]) -> None:
    block = SwinTransformerBlock(8, 2, 4, shift, 2.0, 0.0, None)
    torch.nn.init.normal_(block.attn.relative_position_bias_table)
    image = torch.randn(2, *size, 8)
    wanted = block(image).detach()
    with torch.inference_mode():
        found = block(image.clone())
    assert torch.allclose(found, wanted, atol=1e-5)


def test_layers_leave_their_input_alone() -> None:
    layers = SwinLayers(8, (2,), (2,), window=4).eval()
    x = torch.randn(1, 8, 8, 8)
    before = x.clone()
    with torch.inference_mode():
        layers(x)
    assert torch.equal(x, before)


def test_stochastic_depth_only_in_training() -> None:
    layers = SwinLayers(8, (4,), (2,), window=4, drop_path=0.9)
    x = torch.randn(1, 8, 4, 4)
    layers.eval()
    assert torch.equal(layers(x), layers(x))
    layers.train()
    assert not torch.equal(layers(x), layers(x))


def test_sizes_that_windows_do_not_tile_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of the window"):
        SwinLayers(8, (1,), (2,), window=4)(torch.zeros(1, 8, 6, 8))
