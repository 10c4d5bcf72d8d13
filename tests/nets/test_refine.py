"""Matching inside a window: exact shifts, fractions of a pixel, and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from refbench.matching import match
from refbench.nets.deform import deform_conv, sampled_deform_conv
from refbench.nets.refine import (
    centred_flow,
    enlarge,
    median,
    refine,
    refined_matches,
    smooth,
    window_scores,
)


def _smooth(height: int, width: int, channels: int = 12, sigma: float = 1.6) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(gaussian_filter(rng.normal(size=(channels, height, width)), (0, sigma, sigma)))[
        None
    ]


def test_window_scores_equal_brute_force() -> None:
    query, key = torch.randn(1, 5, 6, 7), torch.randn(1, 5, 8, 5)
    flow = torch.randint(-4, 5, (1, 6, 7, 2)).float()
    got = window_scores(query, key, flow, 1, patch=3)
    q, k = F.normalize(query, dim=1)[0], F.normalize(key, dim=1)[0]
    each = torch.zeros(9, 6, 7)
    for number in range(9):
        dy, dx = number // 3 - 1, number % 3 - 1
        for y in range(6):
            for x in range(7):
                v, u = y + int(flow[0, y, x, 1]) + dy, x + int(flow[0, y, x, 0]) + dx
                if 0 <= v < 8 and 0 <= u < 5:
                    each[number, y, x] = q[:, y, x] @ k[:, v, u]
    torch.testing.assert_close(got, F.avg_pool2d(each[None], 3, 1, 1, count_include_pad=False))


def test_refine_finds_a_fraction_of_a_pixel() -> None:
    big = _smooth(60, 60)
    # the moved image shows at x what the first shows at x - (1.4, -0.75)
    theta = torch.tensor([[[1.0, 0.0, -2 * 1.4 / 60], [0.0, 1.0, 2 * 0.75 / 60]]], dtype=torch.float64)
    grid = F.affine_grid(theta, [1, 12, 60, 60], align_corners=False)
    moved = F.grid_sample(big, grid, mode="bicubic", align_corners=False)
    flow, score, distinct = refine(big, moved, torch.zeros(1, 60, 60, 2, dtype=torch.float64), 2)
    error = (flow[0, 8:-8, 8:-8] - torch.tensor([1.4, -0.75])).norm(dim=-1)
    assert float(error.median()) < 0.15
    assert float(distinct.min()) > 0
    assert float(score[..., 8:-8, 8:-8].median()) > 0.9


def test_refined_matches_carry_one_shift_to_every_level() -> None:
    fine, middle, coarse = (_smooth(s, s, 16, 0.7).float() for s in (48, 24, 12))
    shifted = [torch.roll(f, (s, 2 * s), (2, 3)) for f, s in ((fine, 4), (middle, 2), (coarse, 1))]
    found = match(coarse, shifted[2], k=2)
    levels = refined_matches(
        [fine, middle, coarse], shifted, found.index, found.similarity, found.reference_grid[1]
    )
    for level, (size, unit) in zip(levels, ((48, 4), (24, 2), (12, 1)), strict=True):
        assert level.flow.shape == (1, 2, size, size, 2)
        assert level.pre_offset.shape == (1, 2, 9, size, size, 2)
        assert level.similarity.shape == (1, 2, 1, size, size)
        assert level.confidence is not None
        assert level.confidence.shape == (1, 2, 3, size, size)
        inner = level.flow[0, 0, size // 4 : size // 2, size // 4 : size // 2]
        error = (inner.flatten(0, 1) - torch.tensor([2.0, 1.0]) * unit).norm(dim=-1)
        assert float(error.median()) < 0.05 * unit


def test_centred_flow_and_enlarge() -> None:
    index = torch.arange(16).view(1, 1, 4, 4)
    assert centred_flow(index, 4).abs().max() == 0
    flow = torch.zeros(1, 2, 4, 2)
    flow[:, :, 2:, 0] = 6.0
    large = enlarge(flow, 2)
    assert set(large[..., 0].unique().tolist()) == {0.0, 12.0}, "no vector between two different matches"


def test_median_drops_a_lone_match_and_smooth_keeps_boundaries() -> None:
    flow = torch.zeros(1, 8, 8, 2)
    flow[:, :, 4:] = 5.0
    lone = flow.clone()
    lone[0, 3, 1] = 40.0
    torch.testing.assert_close(median(lone, 3), flow)
    noisy = flow + torch.rand(1, 8, 8, 2, generator=torch.Generator().manual_seed(0)) * 0.5
    calm, share = smooth(noisy, torch.ones(1, 1, 8, 8))
    assert float(calm.std(dim=(1, 2)).max()) < float(noisy.std(dim=(1, 2)).max())
    assert float((calm - flow).max()) < 0.5, "nothing from across the boundary"
    assert float(share[0, 0, 3, 3]) == pytest.approx(4 / 7), "three of seven columns move otherwise"


def test_sampled_deformable_convolution_equals_torchvision() -> None:
    torch.manual_seed(0)
    for source, size in (((9, 7), (9, 7)), ((9, 7), (12, 5))):
        x = torch.randn(2, 8, *source, dtype=torch.float64)
        offset = torch.randn(2, 36, *size, dtype=torch.float64) * 4
        mask = torch.rand(2, 18, *size, dtype=torch.float64)
        weight, bias = torch.randn(6, 8, 3, 3).double(), torch.randn(6).double()
        with torch.no_grad():
            expected = deform_conv(x, offset, mask, weight, bias, 2)
        torch.testing.assert_close(sampled_deform_conv(x, offset, mask, weight, bias, 2), expected)
