"""Ties, masks and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refbench.matching import match


@pytest.mark.parametrize("flavour", ["c2", "ttsr"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_features_go_to_the_lowest_index(flavour: str, k: int, value: float) -> None:
    # ttsr without padding: with it, border patches hold zeros and do not tie
    features = torch.full((4, 17, 23), value)
    found = match(features, features, k=k, flavour=flavour, padding=0)  # type: ignore[arg-type]
    for rank in range(k):
        assert torch.all(found.index[rank] == rank)
    expected = 0.0 if value == 0 else 1.0
    np.testing.assert_allclose(found.similarity, expected, atol=1e-5)


@pytest.mark.parametrize("k", [1, 4])
def test_a_repeated_reference_is_matched_at_its_first_copy(k: int) -> None:
    # integers whose norms are powers of two, so equal patches have bit-equal scores
    rng = np.random.default_rng(3)
    corner = rng.permuted(np.tile([1.0, 0.0, 0.0, 0.0], (6 * 6, 1)), axis=1).reshape(6, 6, 4)
    tile = torch.from_numpy(np.ascontiguousarray(corner.transpose(2, 0, 1))).float()
    reference = tile.repeat(1, 3, 5)
    found = match(tile, reference, k=k)
    y, x = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
    assert torch.equal(found.index[0], y * found.reference_grid[1] + x)
    top = found.similarity.numpy()
    ties = top[:-1] == top[1:]
    assert np.all(found.index.numpy()[:-1][ties] < found.index.numpy()[1:][ties])


def test_masked_pixels_are_never_matched() -> None:
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(5, 12, 12, generator=rng)
    valid = torch.ones(12, 12, dtype=torch.bool)
    valid[:, 6:] = False
    found = match(features, features, reference_valid=valid)
    # a 3x3 patch that starts in column 4 or later covers column 6
    assert int((found.index % found.reference_grid[1]).max()) < 4
    alone = match(features, features[:, :, :6])
    columns = alone.reference_grid[1]
    y, x = alone.index // columns, alone.index % columns
    assert torch.equal(found.index, y * found.reference_grid[1] + x)


def test_masked_query_positions_have_no_match() -> None:
    features = torch.randn(5, 12, 12, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(12, 12, dtype=torch.bool)
    valid[0, 0] = False
    found = match(features, features, k=2, query_valid=valid)
    assert torch.all(found.index[:, 0, 0] == -1)
    assert torch.all(found.similarity[:, 0, 0] == 0)
    assert int((found.index < 0).sum()) == 2


def test_a_mask_that_fits_both_shapes_is_read_as_told() -> None:
    features = torch.randn(3, 6, 6, generator=torch.Generator().manual_seed(0))
    valid = torch.zeros(6, 6, dtype=torch.bool)
    valid[2, 3] = True
    found = match(features, features, flavour="ttsr", reference_valid=valid, valid_over="patches")
    assert torch.all(found.index == 2 * 6 + 3)
    with pytest.raises(ValueError, match="0 are valid"):
        match(features, features, flavour="ttsr", reference_valid=valid)


def test_bad_masks_are_named() -> None:
    features = torch.ones(3, 6, 6)
    with pytest.raises(ValueError, match=r"reference_valid has shape \(5, 6\); it must cover the pixels"):
        match(features, features, reference_valid=torch.ones(5, 6, dtype=torch.bool))
    with pytest.raises(ValueError, match="query_valid must be a bool mask"):
        match(features, features, query_valid=torch.ones(6, 6))


def test_too_few_references_are_an_error() -> None:
    features = torch.ones(3, 6, 6)
    nothing = torch.zeros(6, 6, dtype=torch.bool)
    with pytest.raises(ValueError, match="k=1 needs as many reference positions, but 0 are valid"):
        match(features, features, reference_valid=nothing)
    with pytest.raises(ValueError, match="k=17 needs as many reference positions, but 16 are valid"):
        match(features, features, k=17)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("which", ["query", "reference"])
def test_non_finite_features_are_an_error(bad: float, which: str) -> None:
    maps = {name: torch.ones(3, 6, 6) for name in ("query", "reference")}
    maps[which][1, 2, 3] = bad
    with pytest.raises(ValueError, match=f"{which} features are not finite"):
        match(**maps)


def test_bad_shapes_and_options_are_errors() -> None:
    features = torch.ones(3, 6, 6)
    with pytest.raises(ValueError, match="differ in batch or channels"):
        match(features, torch.ones(4, 6, 6))
    with pytest.raises(ValueError, match="must both be"):
        match(features, features[None])
    with pytest.raises(ValueError, match="smaller than one 3x3 patch"):
        match(features, torch.ones(3, 2, 6))
    with pytest.raises(ValueError, match="flavour 'masa' is unknown"):
        match(features, features, flavour="masa")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be >= 1"):
        match(features, features, k=0)


def test_half_precision_and_non_contiguous_input() -> None:
    features = torch.randn(9, 11, 6, generator=torch.Generator().manual_seed(0)).permute(2, 0, 1)
    assert torch.equal(match(features, features).index[0], torch.arange(63).view(7, 9))
    assert torch.equal(match(features.half(), features.half()).index[0], torch.arange(63).view(7, 9))
