"""Layers, halves and textures: what the truth says is what the reference shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from refbench.errors import UserError
from refbench.training.data.camera import CameraRecipe, photograph
from refbench.training.data.homography import apply_homography
from refbench.training.data.pair import Pair, collate
from refbench.training.data.photos import load_photos
from refbench.training.data.synthesis import ReferenceSynthesizer, SynthesisRecipe
from refbench.training.data.texture import mirrored_tiles, random_phase
from refbench.training.data.view import HIDDEN, Blob, HalfPlane, View, centres
from refbench.training.stage1.positions import cell_centres, in_reference

SIZE = 64
MOVED = np.array([[1.0, 0, 8], [0, 1, 0], [0, 0, 1]])
DISC = Blob((32.0, 32.0), (12.0, 12.0), 0.0, (0.0, 0.0, 0.0))
STRONG = SynthesisRecipe(unrelated=0, absent=0, scale=0.2, parallax_share=1, parallax=0.25, foreign_share=0.5)


@pytest.fixture
def smooth(tmp_path: Path) -> Path:
    """Two photos whose colour says the place: x in red, y in green; the other one is blue."""
    y, x = np.mgrid[0:200, 0:200]
    for name, blue in (("a", 0), ("b", 255)):
        Image.fromarray(np.stack([x, y, np.full_like(x, blue)], -1).astype(np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    return tmp_path


def test_a_layer_in_front_moves_hides_and_leaves_a_hole() -> None:
    view = View(np.eye(3), MOVED, DISC)
    front, elsewhere = view.regions(SIZE)
    grid = centres(SIZE, 1)
    assert (front == DISC.holds(grid - np.array([8.0, 0.0]))).all()
    assert (elsewhere == (DISC.holds(grid) & ~front)).all(), "nobody knows what was behind"
    truth = view.truth(SIZE, 4)
    cells = centres(SIZE, 4)
    assert (truth.layer[DISC.holds(cells)] == 1).all()
    covered = DISC.holds(cells - np.array([8.0, 0.0])) & ~DISC.holds(cells)
    assert covered.any()
    assert (truth.layer[covered] == HIDDEN).all()
    assert (truth.layer[~covered & ~DISC.holds(cells)] == 0).all()


def test_a_foreign_half_is_nowhere_the_truth() -> None:
    view = View(np.eye(3), foreign=HalfPlane((1.0, 0.0), SIZE / 2))
    front, elsewhere = view.regions(SIZE)
    assert not front.any()
    assert elsewhere.mean() == 0.5
    assert (view.truth(SIZE, 4).layer == np.where(np.arange(SIZE // 4) < SIZE // 8, 0, HIDDEN)).all()


def test_the_truth_of_a_synthetic_pair_is_where_the_reference_shows_the_place(smooth: Path) -> None:
    """Red and green of the photo are its coordinates: the reference says where its pixels are from."""
    source = ReferenceSynthesizer(load_photos(smooth, (), SIZE), STRONG, SIZE)
    shown = hidden = 0
    for seed in range(40):
        pair = source.pair(np.random.default_rng(seed))
        assert pair.truth is not None
        cells, layer = centres(SIZE, 4), pair.truth.layer
        places = np.stack([apply_homography(m, cells) for m in pair.truth.homographies])
        at = np.take_along_axis(places, np.maximum(layer, 0)[None, :, :, None], 0)[0]
        # a pixel from an edge the two layers mix
        inner = (layer != HIDDEN) & (at > 3).all(-1) & (at < SIZE - 3).all(-1)
        whole = np.floor(at).astype(int).clip(0, SIZE - 1)
        seen = pair.ref[whole[..., 1], whole[..., 0]].astype(int)
        wanted = pair.hr[2::4, 2::4].astype(int)
        right = (np.abs(seen - wanted) <= 4).all(-1)
        assert right[inner].mean() > 0.9, seed
        shown += int(inner.sum())
        hidden += int((layer == HIDDEN).sum())
    assert shown > 2000
    assert hidden > 1000


def test_torch_takes_each_cell_through_its_layer(smooth: Path) -> None:
    source = ReferenceSynthesizer(load_photos(smooth, (), SIZE), STRONG, SIZE)
    pairs = [source.pair(np.random.default_rng(seed)) for seed in range(3)]
    flat = Pair(pairs[0].hr, pairs[0].lr, pairs[0].ref, "unrelated", None)
    batch = collate([*pairs, flat])
    assert (batch.layer[3] == HIDDEN).all()
    found = in_reference(batch.homographies, batch.layer, cell_centres(SIZE // 4, SIZE // 4, 4))
    for number, pair in enumerate(pairs):
        assert pair.truth is not None
        for layer, matrix in enumerate(pair.truth.homographies):
            mine = (pair.truth.layer == layer).reshape(-1)
            wanted = apply_homography(matrix, centres(SIZE, 4)).reshape(-1, 2)[mine]
            np.testing.assert_allclose(found[number][torch.from_numpy(mine)], wanted, atol=1e-3)


def test_further_references_leave_the_first_pair_as_it_is(smooth: Path) -> None:
    source = ReferenceSynthesizer(load_photos(smooth, (), SIZE), SynthesisRecipe(), SIZE)
    alone = source.pair(np.random.default_rng(4))
    more = source.pair(np.random.default_rng(4), more=2)
    assert (alone.hr == more.hr).all()
    assert (alone.ref == more.ref).all()
    assert len(more.others) == 2
    assert collate([more]).refs.shape == (1, 3, 3, SIZE, SIZE)


def test_a_camera_changes_what_it_says_and_each_side_has_its_own(smooth: Path) -> None:
    grey = np.full((16, 16, 3), 100, dtype=np.uint8)
    assert (photograph(grey, CameraRecipe(), np.random.default_rng(0)) == grey).all()
    lit = photograph(grey, CameraRecipe(light_share=1.0), np.random.default_rng(0))
    assert len(np.unique(lit.reshape(-1, 3), axis=0)) == 1
    assert (lit != grey).any()
    still = {"unrelated": 0.0, "absent": 0.0, "corner": 0.0, "shift": 0.0, "scale": 0.0, "rotation": 0.0}
    noisy = CameraRecipe(noise_share=1.0)
    photos = load_photos(smooth, (), SIZE)
    plain = ReferenceSynthesizer(photos, SynthesisRecipe(**still), SIZE)  # type: ignore[arg-type]
    other = ReferenceSynthesizer(photos, SynthesisRecipe(**still, input=noisy), SIZE)  # type: ignore[arg-type]
    first, second = (source.pair(np.random.default_rng(1)) for source in (plain, other))
    assert (first.ref == second.ref).all()
    assert (first.hr != second.hr).any()
    with pytest.raises(UserError, match="every share of a camera"):
        CameraRecipe(blur_share=1.5)
    with pytest.raises(UserError, match="not a range of qualities"):
        CameraRecipe(jpeg=(90, 30))


def test_textures_have_the_surface_and_no_place() -> None:
    rng = np.random.default_rng(0)
    image = np.asarray(Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((48, 48)))
    phase = random_phase(image, rng).astype(float)
    np.testing.assert_allclose(phase.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=3)
    assert abs(np.corrcoef(phase[..., 0].ravel(), image[..., 0].ravel())[0, 1]) < 0.5
    tiles = mirrored_tiles(image, rng)
    assert tiles.shape == image.shape
    assert len(np.unique(tiles.reshape(-1, 3), axis=0)) <= 17 * 17


def test_shares_are_checked() -> None:
    with pytest.raises(UserError, match=r"unrelated \+ texture \+ absent must be at most 1"):
        SynthesisRecipe(unrelated=0.5, texture=0.4, absent=0.2)
    with pytest.raises(UserError, match="every share must lie in"):
        SynthesisRecipe(foreign_share=-0.1)
