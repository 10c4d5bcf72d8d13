"""Measured correspondences score like the warps they come from, and unknown places are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.imaging.warp import project, warp
from refbench.matching.accuracy import grid_centres, match_accuracy
from refbench.matching.truth import Measured, Warp, seen
from refbench.protocols import ProtocolInstance
from refbench.protocols.card import card_names, load_card
from refbench.protocols.reference import ReferencePolicy
from refbench.protocols.transforms import load_transform, transform_names
from refbench.protocols.transforms.geometry import rotation_matrix
from refbench.types import Sample

SIZE = (40, 48)


def places_of(matrix: np.ndarray, size: tuple[int, int] = SIZE) -> np.ndarray:
    ys, xs = np.meshgrid(np.arange(size[0]), np.arange(size[1]), indexing="ij")
    return project(matrix, np.stack([xs, ys], -1).astype(np.float64))


@settings(deadline=None, max_examples=15)
@given(st.floats(-30, 30), st.integers(0, 2**32 - 1))
def test_the_places_of_a_warp_score_as_the_warp_does(degrees: float, seed: int) -> None:
    truth = np.linalg.inv(rotation_matrix(degrees, *SIZE))
    index = np.random.default_rng(seed).integers(0, 80, (8, 10))
    by_matrix = match_accuracy(index, (8, 10), truth, SIZE, SIZE)
    by_places = match_accuracy(index, (8, 10), places_of(truth), SIZE, SIZE)
    assert by_places.epe == pytest.approx(by_matrix.epe)
    assert by_places.pck == pytest.approx(by_matrix.pck)
    assert by_places.ceiling == pytest.approx(by_matrix.ceiling)
    assert by_places.inside is not None
    # a border pixel of the mask belongs to the neighbourhood of one that HR falls on
    assert by_places.inside == pytest.approx(by_matrix.inside, abs=0.15)


def test_between_pixels_places_are_interpolated_and_edges_have_none() -> None:
    of_pixels = places_of(np.eye(3), (6, 8))
    of_pixels[:, 4:, 0] -= 3.0
    of_pixels[2, 1] = np.nan
    truth = Measured(of_pixels, (6, 8))
    points = np.array([[0.25, 4.5], [3.5, 4.5], [5.5, 4.5], [1.5, 2.5], [7.0, 5.0], [7.5, 5.0]])
    np.testing.assert_allclose(
        truth.places(points),
        [[0.25, 4.5], [np.nan] * 2, [2.5, 4.5], [np.nan] * 2, [4.0, 5.0], [np.nan] * 2],
    )


def test_what_the_reference_shows_of_hr() -> None:
    of_pixels = places_of(np.array([[1, 0, 3], [0, 1, 0], [0, 0, 1.0]]), (6, 8))
    of_pixels[0] = np.nan
    mask = seen(of_pixels, (6, 8))
    assert not mask[:, :2].any()
    assert mask[:, 2:].all()
    truth = Measured(of_pixels, (6, 8))
    at = np.array([[1.4, 3.0], [1.6, 3.0], [7.0, 5.0], [8.0, 5.0], [4.0, -1.0]])
    assert truth.shown(at).tolist() == [False, True, True, False, False]
    assert Warp(np.eye(3), (6, 8)).shown(at).tolist() == [True, True, True, False, False]


def test_queries_without_a_measurement_do_not_count() -> None:
    truth = places_of(np.eye(3))
    truth[:20] = np.nan
    index = np.arange(80).reshape(8, 10)
    index[:4] = 0  # wrong, and not scored
    found = match_accuracy(index, (8, 10), truth, SIZE, SIZE)
    assert (found.epe, found.pck) == (0.0, (1.0, 1.0, 1.0))
    truth[:] = np.nan
    none = match_accuracy(index, (8, 10), truth, SIZE, SIZE)
    assert (none.epe, none.pck, none.inside) == (None, None, 0.0)


def pair() -> Sample:
    """HR, and a reference that shows it three pixels further left."""
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(0, 256, (11, 14, 3)), np.ones((4, 4, 1))).astype(np.uint8)[:42, :53]
    moved = np.array([[1, 0, -3], [0, 1, 0], [0, 0, 1.0]])
    return Sample("1", wide[:, :50], (wide[:, 3:53],), places=places_of(moved, (42, 50)))


@pytest.mark.parametrize("family", ["rotation", "scaling", "perspective", "resample"])
def test_measured_places_follow_a_warp_of_the_reference(family: str) -> None:
    """The warped reference shows, at the told place, what HR shows at the pixel."""
    known = load_transform(family)
    sample = pair()
    instance = ProtocolInstance(load_card("canonical"), transform=family, level=list(known.levels)[-1])
    made = instance.apply(sample, 1, 5)
    assert made.target is not None
    assert made.truth is not None
    assert made.truth.shape == (*made.target.shape[:2], 2)
    # the warp's own matrix, found by warping a ramp of coordinates instead of the picture
    ys, xs = np.meshgrid(np.arange(42), np.arange(50), indexing="ij")
    ramp = np.stack([xs * 4, ys * 4, np.zeros_like(xs)], -1).astype(np.uint8)
    carried = instance.apply(replace(sample, refs=(ramp,)), 1, 5).refs[0].astype(float) / 4
    for y, x in ((20, 25), (16, 22), (24, 30)):
        at_x, at_y = np.rint(made.truth[y, x]).astype(int)
        # what is at that place came from here in the plain reference
        came = carried[at_y, at_x, :2]
        assert np.abs(came - [x - 3, y]).max() < 1.3


def test_where_the_truth_is_known() -> None:
    for name in card_names():
        card = load_card(name)
        padded = card.ref_pad != "none" or card.hr_pad != "none"
        assert ProtocolInstance(card).knows_truth(measured=True) is not padded
        assert ProtocolInstance(card).knows_truth(measured=False) is False
        assert ProtocolInstance(card, ReferencePolicy("hr")).knows_truth(measured=False) is not padded
    canonical = load_card("canonical")
    for family in transform_names():
        level = next(iter(load_transform(family).levels))
        instance = ProtocolInstance(canonical, transform=family, level=level)
        assert instance.knows_truth(measured=True) is (family != "flip")
    for policy in ("lr", "constant", "shuffled", "other"):
        assert ProtocolInstance(canonical, ReferencePolicy(policy)).knows_truth(measured=True) is False


def test_a_distortion_without_a_warp_moves_nothing() -> None:
    sample = pair()
    plain = ProtocolInstance(load_card("canonical")).apply(sample, 0, 0).truth
    jittered = ProtocolInstance(load_card("canonical"), transform="jitter", level="x1").apply(sample, 0, 0)
    assert plain is not None
    assert sample.places is not None
    np.testing.assert_array_equal(plain, sample.places[:40, :48])
    np.testing.assert_array_equal(jittered.truth, plain)
    assert (
        ProtocolInstance(load_card("canonical"), ReferencePolicy("hr")).apply(sample, 0, 0).truth is not None
    )
    without = ProtocolInstance(load_card("canonical")).apply(replace(sample, places=None), 0, 0)
    assert without.truth is None


def test_the_warp_of_the_reference_is_the_one_that_is_followed() -> None:
    """Against an independent path: the picture warped by hand with the same matrix."""
    sample = pair()
    instance = ProtocolInstance(load_card("canonical"), transform="scaling", level="0.8")
    made = instance.apply(sample, 0, 0)
    assert made.truth is not None
    assert sample.places is not None
    centre = np.array([(50 - 1) / 2, (42 - 1) / 2])
    expected = centre + 0.8 * (sample.places[:40, :48] - centre)
    np.testing.assert_allclose(made.truth, expected)
    matrix = np.array([[1.25, 0, centre[0] * -0.25], [0, 1.25, centre[1] * -0.25], [0, 0, 1]])
    np.testing.assert_array_equal(made.refs[0], warp(sample.refs[0], matrix))


def test_grid_centres_of_scale_four_lie_between_pixels() -> None:
    assert grid_centres(2, 2, 4, 0)[1, 1].tolist() == [5.5, 5.5]
