"""Pairs, photo folders, the CUFED layout, and the guard that keeps evaluation photos out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from refbench.datasets.photos.split import refuse_held_out
from refbench.errors import UserError
from refbench.training.data.ahead import made_ahead
from refbench.training.data.distort import brightness, colour_jitter, hue, saturation
from refbench.training.data.pair import Pair, collate
from refbench.training.data.photos import load_photos
from refbench.training.data.source import TRAINING, CufedTrainSource, open_data
from refbench.training.data.synthesis import ReferenceSynthesizer, SynthesisRecipe
from refbench.training.recipe import Recipe, Stage1Recipe, Stage2Recipe, ValidationRecipe


def allow(files: Iterable[Path], roles: Iterable[str]) -> None:
    """A guard without entries."""


def _recipe(data: Path, val: str = "") -> Recipe:
    return Recipe(
        "datsr",
        "compact",
        data=str(data),
        val_data=val,
        stage1=Stage1Recipe(patch=32),
        stage2=Stage2Recipe(patch=32),
        validation=ValidationRecipe(patch=32),
    )


def test_a_pair_depends_on_its_generator_alone(photo_folder: Path) -> None:
    photos = load_photos(photo_folder, (), 32)
    first = ReferenceSynthesizer(photos, SynthesisRecipe(), 32)
    second = ReferenceSynthesizer(photos, SynthesisRecipe(), 32)
    for number in range(4):
        first.pair(np.random.default_rng(99 + number))
    a, b = (s.pair(np.random.default_rng([7, 1])) for s in (first, second))
    assert (a.hr == b.hr).all()
    assert (a.ref == b.ref).all()
    assert a.kind == b.kind


def test_shares_of_kinds_and_what_each_kind_is(photo_folder: Path) -> None:
    recipe = SynthesisRecipe(unrelated=0.3, absent=0.2)
    source = ReferenceSynthesizer(load_photos(photo_folder, (), 32), recipe, 32)
    pairs = [source.pair(np.random.default_rng(i)) for i in range(300)]
    share = {k: sum(p.kind == k for p in pairs) / 300 for k in ("similar", "unrelated", "absent")}
    assert share == pytest.approx({"similar": 0.5, "unrelated": 0.3, "absent": 0.2}, abs=0.09)
    for pair in pairs:
        assert (pair.truth is None) == (pair.kind != "similar")
        assert pair.lr.shape == (8, 8, 3)
        if pair.kind == "absent":
            assert (pair.ref == 128).all()


def test_without_strength_the_reference_is_the_hr_patch(photo_folder: Path) -> None:
    still = SynthesisRecipe(unrelated=0, absent=0, corner=0, shift=0, scale=0, rotation=0)
    pair = ReferenceSynthesizer(load_photos(photo_folder, (), 32), still, 32).pair(np.random.default_rng(0))
    assert (pair.ref == pair.hr).all()
    assert pair.truth is not None
    (matrix,) = pair.truth.homographies
    np.testing.assert_allclose(matrix / matrix[2, 2], np.eye(3), atol=1e-7)
    assert (pair.truth.layer == 0).all()


def test_collate_scales_to_unit_range(photo_folder: Path) -> None:
    source = ReferenceSynthesizer(load_photos(photo_folder, (), 32), SynthesisRecipe(), 32)
    pair = source.pair(np.random.default_rng(0))
    batch = collate([pair, pair])
    assert batch.hr.shape == (2, 3, 32, 32)
    torch.testing.assert_close(
        batch.hr[0, 1, 3, 4], torch.tensor(pair.hr[3, 4, 1] / 255, dtype=torch.float32)
    )


def test_colour_steps() -> None:
    image = np.array([[[100.0, 50.0, 25.0]]], dtype=np.float32)
    assert brightness(image, 1.2)[0, 0].tolist() == pytest.approx([120, 60, 30], rel=1e-6)
    grey = saturation(image, 0.0)[0, 0]
    assert np.ptp(grey) < 1e-4
    np.testing.assert_allclose(hue(image, 1.0), image, atol=0.05)
    still = colour_jitter(image.astype(np.uint8), np.random.default_rng(0), (0, 0, 0, 0))
    assert (still == image).all()


def test_cufed_layout_pairs_by_name_and_turns_both_alike(tmp_path: Path) -> None:
    for folder in ("input", "ref"):
        (tmp_path / folder).mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "input" / "000.png")
    Image.fromarray(255 - pixels).save(tmp_path / "ref" / "000.png")
    pair = CufedTrainSource(tmp_path, 32).pair(np.random.default_rng(5))
    assert (pair.ref == 255 - pair.hr).all()
    (tmp_path / "ref" / "000.png").unlink()
    with pytest.raises(UserError, match=r"ref/000.png' is missing; each input/NAME needs a ref/NAME"):
        CufedTrainSource(tmp_path, 32)


def test_evaluation_photos_are_refused_even_resized(tmp_path: Path) -> None:
    import skimage.data

    photo = Image.fromarray(skimage.data.astronaut())
    for name, image in (("copy.png", photo), ("small.jpg", photo.resize((300, 300)))):
        folder = tmp_path / name.split(".")[0]
        folder.mkdir()
        image.save(folder / name)
        with pytest.raises(UserError, match=rf"{name}.*'astronaut'"):
            refuse_held_out([folder / name], TRAINING)
        with pytest.raises(UserError, match="astronaut"):
            open_data(_recipe(folder), refuse_held_out)


def test_training_and_validation_must_differ(photo_folder: Path, tmp_path: Path) -> None:
    val = tmp_path / "val"
    val.mkdir()
    Image.open(photo_folder / "p2.png").save(val / "renamed.bmp")
    with pytest.raises(UserError, match=r"'p2.png' is also the validation photo 'renamed.bmp'"):
        open_data(_recipe(photo_folder, str(val)), allow)


def test_without_validation_photos_some_are_held_out(photo_folder: Path) -> None:
    data = open_data(_recipe(photo_folder), allow)
    assert [p.name for p in data.validation] == ["p0.png"]
    assert "p0.png" not in data.names
    assert len(data.names) == 4


def test_bad_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        open_data(_recipe(tmp_path / "absent"), allow)
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot decode.*broken\.png"):
        open_data(_recipe(tmp_path), allow)
    (tmp_path / "broken.png").unlink()
    with pytest.raises(UserError, match="no photo in"):
        open_data(_recipe(tmp_path), allow)
    Image.new("RGB", (20, 20)).save(tmp_path / "tiny.png")
    with pytest.raises(UserError, match="smaller than the 32 px patch"):
        open_data(_recipe(tmp_path), allow)


def test_made_ahead_keeps_the_order_and_the_error_of_its_step(photo_folder: Path) -> None:
    source = ReferenceSynthesizer(load_photos(photo_folder, (), 32), SynthesisRecipe(), 32)

    def pairs(step: int) -> list[Pair]:
        if step == 8:
            raise UserError("train.data: 'eight.png' cannot be read")
        return [source.pair(np.random.default_rng([1, step]))]

    with made_ahead(pairs, range(3, 10), 2) as ahead:
        for step in range(3, 8):
            assert (ahead(step)[0].hr == pairs(step)[0].hr).all()
        with pytest.raises(UserError, match=r"^train\.data: 'eight\.png' cannot be read$"):
            ahead(8)
        with pytest.raises(RuntimeError, match="step 5 was asked, step 9 is next"):
            ahead(5)


def test_nearness_brings_views_together_and_leaves_the_default_as_it_was(photo_folder: Path) -> None:
    photos = load_photos(photo_folder, (), 32)

    def moved(nearness: float) -> list[float]:
        source = ReferenceSynthesizer(photos, SynthesisRecipe(nearness=nearness), 32)
        views = [source._view(np.random.default_rng(i)).behind for i in range(200)]
        return sorted(float(np.abs(v[:2, 2]).max()) for v in views)

    far, near = moved(1.0), moved(4.0)
    assert near[100] < 0.3 * far[100]
    assert near[-1] > 0.7 * far[-1], "the farthest stay"
    with pytest.raises(UserError, match=r"train\.synthesis\.nearness=0 is not above 0"):
        SynthesisRecipe(nearness=0.0)
