"""The photo manifest and the guard that keeps evaluation photos out of training."""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.datasets.photos.manifest import read_manifest
from refbench.datasets.photos.prepare import prepare_photos, prepared
from refbench.datasets.photos.split import (
    held_out,
    held_out_copy,
    held_out_digests,
    pixels_sha256,
    refuse_held_out,
)
from refbench.errors import UserError
from refbench.imaging import read_image, write_png
from refbench.types import Image

SAMPLE = Path(str(files("refbench.datasets.sample") / "images"))
FREE = ("CC0-1.0", "CC-BY-1.0", "CC-BY-2", "CC-BY-3", "CC-BY-4", "CC-BY-SA-", "public-domain")


def _astronaut() -> Image:
    return read_image(_package("skimage") / "data" / "astronaut.png")


def test_every_photo_has_one_role_a_free_licence_and_an_author() -> None:
    rows = read_manifest()
    assert len({row.name for row in rows}) == len(rows)
    assert len({row.sha256 for row in rows}) == len(rows)
    assert all(row.licence.startswith(FREE) and row.author for row in rows)
    counts = {role: sum(row.role == role for row in rows) for role in ("sample", "val", "train", "reference")}
    assert counts["sample"] >= 12
    assert counts["val"] >= 2
    assert counts["train"] >= 20


def test_photos_of_installed_packages_are_prepared_and_checked(tmp_path: Path) -> None:
    (row,) = [row for row in read_manifest() if row.name == "astronaut"]
    photo = prepared(row, (_package("skimage") / row.path).read_bytes())
    np.testing.assert_array_equal(photo, _astronaut())
    assert pixels_sha256(photo) in held_out_digests()


def test_the_foreign_reference_textures_are_prepared_from_the_installed_package(tmp_path: Path) -> None:
    written = prepare_photos(tmp_path, roles=["reference"], debs=tmp_path)
    assert [path.name for path in written] == ["brick.png", "grass.png", "gravel.png"]
    assert read_image(written[0]).shape == (512, 512, 3)


def test_a_missing_debian_package_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no [a-z0-9.-]+_\*\.deb in .*; get it from https://packages\.debian\.org/"
    ):
        prepare_photos(tmp_path, roles=["val"], debs=tmp_path)


def _variants(image: Image) -> dict[str, Image]:
    picture = PILImage.fromarray(image)
    half = picture.resize((picture.width // 2, picture.height // 2), PILImage.Resampling.BICUBIC)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=30)
    return {
        "half": np.array(half),
        "jpeg": np.array(PILImage.open(stream)),
        "dark": (image * 0.7).astype(np.uint8),
        "mirrored": image[:, ::-1].copy(),
    }


@pytest.mark.parametrize("variant", ["half", "jpeg", "dark", "mirrored"])
def test_altered_copies_are_recognised(variant: str) -> None:
    assert held_out_copy(_variants(_astronaut())[variant]) == "astronaut"


@pytest.mark.parametrize("name", ["camera", "moon", "motorcycle_left"])
def test_other_photographs_are_not(name: str) -> None:
    image = read_image(_package("skimage") / "data" / f"{name}.png")
    assert held_out_copy(image) is None


def test_refusal_names_the_file_and_the_photo(tmp_path: Path) -> None:
    fine = write_png(
        tmp_path / "fine.png", np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    )
    copy = write_png(tmp_path / "copy.png", _variants(_astronaut())["half"])
    refuse_held_out([fine])
    with pytest.raises(UserError, match=r"copy\.png: is the evaluation photo 'astronaut' or a copy of it"):
        refuse_held_out([fine, copy])


def test_the_recorded_hashes_are_those_of_the_bundled_images() -> None:
    known = held_out_digests()
    for path in sorted(SAMPLE.glob("*_[0-4].png")):
        assert known[pixels_sha256(read_image(path))] == path.name
    assert {row.role for row in held_out()} == {"sample", "reference", "val"}


def _package(name: str) -> Path:
    return Path(str(files(name)))
