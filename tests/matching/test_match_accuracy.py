"""Matching accuracy: perfect, shifted and hopeless matches have the scores that arithmetic gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.matching import match
from refbench.matching.accuracy import grid_centres, match_accuracy
from refbench.matching.observing import observing
from refbench.protocols.transforms.geometry import rotation_matrix


def identity_index(height: int, width: int) -> np.ndarray:
    return np.arange(height * width).reshape(height, width)


def test_perfect_matches_of_an_unmoved_reference() -> None:
    found = match_accuracy(identity_index(8, 10), (8, 10), np.eye(3), (40, 48), (40, 48))
    assert (found.epe, found.pck, found.inside) == (0.0, (1.0, 1.0, 1.0), 1.0)
    assert found.ceiling == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("shift", "pck"), [(1.0, (1, 1, 1)), (1.5, (0, 1, 1)), (2.5, (0, 0, 1)), (6.0, (0, 0, 0))]
)
def test_a_known_shift_is_the_error(shift: float, pck: tuple[float, ...]) -> None:
    truth = np.eye(3)
    truth[0, 2] = shift
    found = match_accuracy(identity_index(6, 6), (6, 6), truth, (80, 80), (80, 80))
    assert found.epe == pytest.approx(shift)
    assert found.pck == pck


def test_queries_without_a_true_place_do_not_count_and_matches_outside_are_told() -> None:
    truth = np.eye(3)
    truth[0, 2] = 1000.0
    found = match_accuracy(identity_index(6, 6), (6, 6), truth, (32, 32), (32, 32))
    assert found.epe is None
    assert found.inside == 0.0
    none = match_accuracy(np.full((3, 3), -1), (6, 6), np.eye(3), (32, 32), (32, 32))
    assert (none.epe, none.inside) == (None, None)


@settings(deadline=None, max_examples=30)
@given(st.floats(-30, 30))
def test_the_nearest_grid_place_reaches_the_ceiling(degrees: float) -> None:
    """Choosing, by brute force, the grid place nearest to the truth scores exactly the ceiling."""
    truth = np.linalg.inv(rotation_matrix(degrees, 48, 56))
    centres = grid_centres(10, 12, 4, 1)
    places = grid_centres(10, 12, 4, 1).reshape(-1, 2)
    homogeneous = np.concatenate([centres, np.ones((10, 12, 1))], -1) @ truth.T
    true = homogeneous[..., :2] / homogeneous[..., 2:]
    index = np.linalg.norm(true[:, :, None] - places, axis=-1).argmin(-1)
    found = match_accuracy(index, (10, 12), truth, (48, 56), (48, 56))
    assert found.pck == pytest.approx(found.ceiling)


def test_listening_hears_what_match_returns() -> None:
    torch.manual_seed(0)
    features = torch.randn(8, 9, 11)
    seen = []
    with observing(seen.append):
        result = match(features, features)
    match(features, features)
    assert len(seen) == 1
    assert torch.equal(seen[0].index, result.index)
    scores = match_accuracy(seen[0].index[0].numpy(), seen[0].reference_grid, np.eye(3), (36, 44), (36, 44))
    assert scores.pck == (1.0, 1.0, 1.0)
