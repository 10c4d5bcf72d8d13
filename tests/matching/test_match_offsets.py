"""Offset maps and texture transfer against direct definitions, also for unequal sizes and a K axis."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from refbench.matching import (
    LEVELS,
    index_to_flow,
    match,
    pre_flow,
    pre_offset,
    pre_similarity,
    shifted_copies,
    transfer,
)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 7), st.integers(1, 7), st.integers(0, 99))
def test_flow_points_to_the_reference_patch_of_any_size(h: int, w: int, hr: int, wr: int, seed: int) -> None:
    index = torch.from_numpy(np.random.default_rng(seed).integers(0, hr * wr, (2, h, w)))
    flow = index_to_flow(index, wr)
    assert flow.shape == (2, h + 2, w + 2, 2)
    for b in range(2):
        for y in range(h):
            for x in range(w):
                u, v = x + flow[b, y, x, 0], y + flow[b, y, x, 1]
                assert int(v) * wr + int(u) == int(index[b, y, x])
                assert 0 <= int(u) < wr
    assert not flow[:, h:].any()
    assert not flow[:, :, w:].any()


def test_equal_sizes_decode_as_the_official_code_does() -> None:
    index = torch.arange(20).flip(0).view(1, 4, 5)
    y, x = torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")
    official = torch.stack([index % 5 - x, torch.div(index, 5, rounding_mode="floor") - y], -1).float()
    assert torch.equal(index_to_flow(index, 5), functional.pad(official, (0, 0, 0, 2, 0, 2)))


def test_unmatched_positions_do_not_move() -> None:
    index = torch.tensor([[-1, 3], [7, -1]])
    flow = index_to_flow(index, 4, padded=0)
    assert flow[0, 0].tolist() == [0, 0]
    assert flow[1, 1].tolist() == [0, 0]
    assert flow[0, 1].tolist() == [2, 0]


@pytest.mark.parametrize("step", [1, 2, 4])
def test_shifted_copies_move_down_and_right(step: int) -> None:
    flow = torch.randn(2, 3, 7, 9, 2, generator=torch.Generator().manual_seed(0))
    copies = shifted_copies(flow, step=step)
    assert copies.shape == (2, 3, 9, 7, 9, 2)
    for i in range(3):
        for j in range(3):
            for y in range(7):
                for x in range(9):
                    sy, sx = y - i * step, x - j * step
                    expected = flow[:, :, sy, sx] if min(sy, sx) >= 0 else torch.zeros(2, 3, 2)
                    assert torch.equal(copies[:, :, 3 * i + j, y, x], expected)


def test_levels_upsample_and_scale_together() -> None:
    index = torch.tensor([[[0, 8], [4, 2]]])
    flows, offsets = pre_flow(index, 3), pre_offset(index, 3)
    for level, factor in LEVELS.items():
        assert flows[level].shape == (1, 4 * factor, 4 * factor, 2)
        assert offsets[level].shape == (1, 9, 4 * factor, 4 * factor, 2)
        assert torch.equal(flows[level][:, ::factor, ::factor], flows["relu3_1"] * factor)
        assert torch.equal(offsets[level][:, 0], flows[level])
        assert torch.equal(offsets[level][:, 4, factor:, factor:], flows[level][:, :-factor, :-factor])


def test_a_k_axis_is_carried() -> None:
    rng = torch.Generator().manual_seed(4)
    found = match(torch.randn(2, 5, 8, 9, generator=rng), torch.randn(2, 5, 10, 7, generator=rng), k=3)
    offsets = pre_offset(found.index, found.reference_grid[1])
    similarity = pre_similarity(found.similarity)
    assert offsets["relu2_1"].shape == (2, 3, 9, 16, 18, 2)
    assert similarity["relu2_1"].shape == (2, 3, 1, 16, 18)
    for rank in range(3):
        one = pre_offset(found.index[:, rank], found.reference_grid[1])
        for level in LEVELS:
            assert torch.equal(offsets[level][:, rank], one[level])


def test_similarity_is_centred_and_not_scaled() -> None:
    similarity = torch.tensor([[[0.5, 0.25]]])
    levels = pre_similarity(similarity)
    assert levels["relu3_1"][0, 0].tolist() == [[0, 0, 0, 0], [0, 0.5, 0.25, 0], [0, 0, 0, 0]]
    assert levels["relu1_1"].shape == (1, 1, 12, 16)
    assert torch.equal(levels["relu1_1"][..., ::4, ::4], levels["relu3_1"])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 2, 4]))
def test_transfer_equals_unfold_gather_fold(h: int, w: int, hr: int, wr: int, scale: int) -> None:
    rng = torch.Generator().manual_seed(h * 125 + w * 25 + hr * 5 + wr)
    value = torch.randn(2, 3, hr * scale, wr * scale, generator=rng)
    index = torch.randint(hr * wr, (2, h, w), generator=rng)
    columns = functional.unfold(value, 3 * scale, padding=scale, stride=scale)
    picked = columns.gather(2, index.flatten(1)[:, None].expand(-1, columns.shape[1], -1))
    expected = functional.fold(picked, (h * scale, w * scale), 3 * scale, padding=scale, stride=scale) / 9.0
    torch.testing.assert_close(transfer(value, index, scale=scale), expected, rtol=1e-6, atol=1e-6)


def test_unmatched_positions_transfer_nothing() -> None:
    value = torch.ones(1, 2, 6, 6)
    assert not transfer(value, torch.full((1, 4, 4), -1), scale=1).any()
    index = torch.full((1, 4, 4), -1)
    index[0, 1, 1] = 7
    out = transfer(value, index, scale=1)
    assert torch.equal(out[0, 0, :3, :3], torch.full((3, 3), 1 / 9))
    assert not out[0, 0, 3:].any()


def test_transfer_names_bad_sizes() -> None:
    with pytest.raises(ValueError, match="not a multiple of scale 2"):
        transfer(torch.ones(1, 1, 5, 4), torch.zeros(1, 2, 2, dtype=torch.int64), scale=2)
    with pytest.raises(ValueError, match="differ in batch"):
        transfer(torch.ones(1, 1, 4, 4), torch.zeros(2, 2, 2, dtype=torch.int64), scale=2)
