"""The sample is what its command makes, and its references are true views of the same photo."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from sample_set import GROUPS, licence_url, main, own_views
from sample_views import GRADES, departure, inside, overlap, render, similarity
from scipy.ndimage import map_coordinates

from refbench.imaging import read_image
from refbench.types import Image

PACKAGE = Path(str(files("refbench.datasets.sample")))
INSTALLED = {
    name: Path(str(files("skimage"))) / "data" / f"{name}.png" for name in ("astronaut", "coffee", "chelsea")
}


def _smooth_photo() -> Image:
    y, x = np.mgrid[0:120, 0:160].astype(np.float64)
    planes = [127 + 100 * np.sin(x / 9 + k) * np.cos(y / 7 - k) for k in range(3)]
    return np.stack(planes, axis=2).round().astype(np.uint8)


@pytest.mark.parametrize("name", sorted(INSTALLED))
def test_the_command_reproduces_the_bundled_images(name: str) -> None:
    index = next(i for i, group in enumerate(GROUPS) if group.photo == name)
    views = own_views(GROUPS[index], read_image(INSTALLED[name]))
    for level, view in enumerate(views):
        bundled = read_image(PACKAGE / "images" / f"{index:03d}_{level}.png")
        # a rounding step at most: other scipy or Pillow versions may order their sums differently
        assert np.abs(view.astype(int) - bundled.astype(int)).max() <= 1


def test_an_unchanged_view_at_full_size_is_the_photo_itself() -> None:
    photo = _smooth_photo()
    view = render(photo, (40, 60), similarity((79.5, 59.5), 1.0))
    np.testing.assert_allclose(view.astype(int), photo[40:80, 50:110].astype(int), atol=2)


def test_a_warped_view_shows_the_photo_where_its_homography_says() -> None:
    photo = _smooth_photo()
    matrix = similarity((80.0, 60.0), 1.0) @ departure(GRADES[1], (48, 64), np.random.default_rng(5))
    view = render(photo, (48, 64), matrix)
    y, x = np.mgrid[0:48, 0:64]
    points = matrix @ np.stack([x.ravel() + 0.5 - 32, y.ravel() + 0.5 - 24, np.ones(x.size)])
    where = np.stack([points[1] / points[2], points[0] / points[2]])
    expected = map_coordinates(photo[:, :, 1].astype(np.float64), where, order=3).reshape(48, 64)
    assert np.abs(view[:, :, 1] - expected).mean() < 1.5


def test_fine_stripes_average_out_instead_of_aliasing() -> None:
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 255
    view = render(stripes, (30, 30), similarity((99.5, 99.5), 4.0))
    assert np.abs(view.astype(int) - 127).max() < 25


def test_gain_and_blur_are_applied() -> None:
    photo = _smooth_photo()
    base = similarity((79.5, 59.5), 1.0)
    plain = render(photo, (40, 60), base).astype(float)
    graded = render(photo, (40, 60), base, GRADES[3]).astype(float)
    assert graded.mean() == pytest.approx(plain.mean() * GRADES[3].gain, rel=0.02)
    assert graded.std() < plain.std() * GRADES[3].gain


def test_a_view_beyond_the_photo_is_refused() -> None:
    matrix = similarity((10.0, 10.0), 1.0)
    assert not inside(_smooth_photo(), (40, 60), matrix)
    with pytest.raises(ValueError, match="reaches beyond the photo"):
        render(_smooth_photo(), (40, 60), matrix)


def test_overlap_of_known_shifts() -> None:
    shift = np.eye(3)
    assert overlap((40, 60), shift, (40, 60)) == 1.0
    shift[0, 2] = 30.0  # half the width
    assert overlap((40, 60), shift, (40, 60)) == pytest.approx(0.5, abs=0.02)
    shift[1, 2] = 100.0
    assert overlap((40, 60), shift, (40, 60)) == 0.0


def test_missing_photos_are_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--photos", str(tmp_path), "--out", str(tmp_path / "out")])
    assert caught.value.code == 2
    assert "make it: refbench prepare dataset=photos" in capsys.readouterr().err


def test_the_licence_table_matches_the_choice_of_photos() -> None:
    table = csv.DictReader((PACKAGE / "LICENSES.csv").read_text(encoding="utf-8").splitlines())
    inputs = [row["photo"] for row in table if row["image"].endswith("_0.png")]
    assert inputs == [group.photo for group in GROUPS]


@pytest.mark.parametrize(
    ("licence", "url"),
    [
        ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("CC-BY-2.0", "https://creativecommons.org/licenses/by/2.0/"),
        ("CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
        ("public-domain", ""),
    ],
)
def test_licence_texts_are_linked(licence: str, url: str) -> None:
    assert licence_url(licence) == url
