"""Warping by whole pixels against grid_sample."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.nets.warp import copy_by_flow, fit, flow_warp


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    source=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    seed=st.integers(0, 999),
)
def test_copying_equals_bilinear_sampling_of_whole_pixels(
    size: tuple[int, int], source: tuple[int, int], seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    feature = torch.randn(2, 3, *source, generator=rng)
    flow = torch.randint(-12, 12, (2, *size, 2), generator=rng).float()
    assert torch.allclose(copy_by_flow(feature, flow), flow_warp(feature, flow), atol=1e-4)


def test_flow_is_x_then_y() -> None:
    feature = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 3, 4, 2)
    flow[..., 0] = 1
    assert copy_by_flow(feature, flow)[0, 0].tolist() == [[1, 2, 3, 0], [5, 6, 7, 0], [9, 10, 11, 0]]


def test_fit_crops_and_replicates() -> None:
    feature = torch.arange(6.0).view(1, 1, 2, 3)
    assert fit(feature, 1, 2)[0, 0].tolist() == [[0, 1]]
    assert fit(feature, 3, 4)[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert fit(feature, 2, 3) is not None
