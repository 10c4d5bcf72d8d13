"""Stereo pairs: Middlebury's layout, PFM files, what is hidden, and scikit-image's own scene."""

from __future__ import annotations

import re
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage
from scipy.ndimage import map_coordinates

from refbench.datasets.stereo import adapter
from refbench.datasets.stereo.adapter import open_dataset
from refbench.datasets.stereo.disparity import places, read_disparity, visible
from refbench.datasets.stereo.spec import SPEC
from refbench.datasets.verify import verify_copy, write_manifest
from refbench.errors import SampleError, UserError
from refbench.specs import DataRequest
from refbench.types import Corresponding

SIZE = (12, 20)


def pfm(path: Path, values: np.ndarray, order: str = "<") -> None:
    scale = "-1.0" if order == "<" else "1.0"
    header = f"Pf\n{values.shape[1]} {values.shape[0]}\n{scale}\n".encode()
    path.write_bytes(header + values[::-1].astype(f"{order}f4").tobytes())


def scene(folder: Path, disparity: np.ndarray, mask: np.ndarray | None = None) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("im0.png", "im1.png"):
        PILImage.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(folder / name)
    pfm(folder / "disp0.pfm", disparity)
    if mask is not None:
        PILImage.fromarray(mask).save(folder / "mask0nocc.png")
    return folder


def flat(value: float = 3.0) -> np.ndarray:
    return np.full(SIZE, value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pfm_of_either_byte_order_with_unknown_pixels(tmp_path: Path, order: str) -> None:
    values = np.arange(12, dtype=np.float64).reshape(3, 4)
    values[1, 2] = np.inf
    pfm(tmp_path / "d.pfm", values, order)
    found = read_disparity(tmp_path / "d.pfm")
    assert np.isnan(found[1, 2])
    values[1, 2] = found[1, 2]
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P6\n2 2\n255\n", "does not begin with a PFM header"),
        (b"PF\n2 2\n-1\n" + bytes(48), "a PFM of three channels"),
        (b"Pf\n2 2\n-1\n" + bytes(7), "7 bytes of pixels for 2x2"),
    ],
)
def test_a_broken_pfm_is_an_error_of_its_sample(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "d.pfm").write_bytes(data)
    with pytest.raises(SampleError, match=rf"d\.pfm: no disparity map \(.*{reason}"):
        read_disparity(tmp_path / "d.pfm")


def test_a_near_surface_hides_what_is_behind_it() -> None:
    disparity = np.full((1, 20), 1.0)
    disparity[0, 10:14] = 5.0
    # the near strip covers right columns 5 to 8, where left pixels 6 to 9 would be
    expected = np.ones(20, dtype=bool)
    expected[6:10] = False
    expected[0] = False  # left of the right image
    np.testing.assert_array_equal(visible(disparity)[0], expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=4, max_size=16))
def test_visible_agrees_with_a_plain_z_buffer(row: list[int]) -> None:
    disparity = np.array([row], dtype=np.float64)
    for x, d in enumerate(row):
        rivals = [e for other, e in enumerate(row) if other - e == x - d]
        assert visible(disparity)[0, x] == (x - d >= 0 and d >= max(rivals) - 1)


def test_places_are_to_the_left_by_the_disparity() -> None:
    disparity = flat(2.5)
    disparity[4, 9] = np.nan
    found = places(disparity)
    np.testing.assert_array_equal(found[7, 10], [7.5, 7.0])
    assert np.isnan(found[4, 9]).all()
    assert np.isnan(found[0, 1]).all()
    mask = np.ones(SIZE, dtype=bool)
    mask[7, 10] = False
    assert np.isnan(places(disparity, mask)[7, 10]).all()


def test_one_scene_and_a_folder_of_scenes(tmp_path: Path) -> None:
    mask = np.full(SIZE, 255, np.uint8)
    mask[:6] = 128
    scene(tmp_path / "all/Piano", flat())
    scene(tmp_path / "all/Adirondack", flat(), mask)
    both = open_dataset(DataRequest(root=str(tmp_path / "all")))
    assert both.ids() == ("Adirondack", "Piano")
    assert both.label == "stereo (all)"
    assert isinstance(both, Corresponding)
    half = both.load("Adirondack").places
    full = both.load("Piano").places
    assert half is not None
    assert full is not None
    assert np.isnan(half[:6]).all()
    np.testing.assert_array_equal(half[6:], full[6:])
    one = open_dataset(DataRequest(root=str(tmp_path / "all/Piano")))
    assert one.ids() == ("Piano",)
    assert one.pixels("Piano") == SIZE[0] * SIZE[1]


def test_the_fingerprint_covers_the_truth(tmp_path: Path) -> None:
    folder = scene(tmp_path / "Piano", flat())
    before = open_dataset(DataRequest(root=str(folder))).fingerprint
    pfm(folder / "disp0.pfm", flat(4.0))
    assert open_dataset(DataRequest(root=str(folder))).fingerprint != before


def test_a_copy_can_be_verified_with_its_disparity(tmp_path: Path) -> None:
    folder = scene(tmp_path / "Piano", flat())
    request = DataRequest(root=str(folder))
    write_manifest(SPEC, request)
    report = verify_copy(SPEC, request)
    assert (report.ok, report.files) == (True, 3)
    pfm(folder / "disp0.pfm", flat(4.0))
    assert verify_copy(SPEC, request).differs == ("disp0.pfm",)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = scene(tmp_path / "sets/Piano", flat())
    (folder / "disp0.pfm").unlink()
    with pytest.raises(UserError, match=r"found 0 of 1 samples \(missing: Piano/disp0\.pfm\); get it: "):
        open_dataset(DataRequest(root=str(tmp_path / "sets")))
    with pytest.raises(UserError, match=r"data\.root=.*there is no such folder"):
        open_dataset(DataRequest(root=str(tmp_path / "nowhere")))


def test_a_disparity_of_another_size_is_an_error_of_its_sample(tmp_path: Path) -> None:
    folder = scene(tmp_path / "Piano", np.zeros((3, 4)))
    with pytest.raises(SampleError, match=r"disp0\.pfm: 4x3, the left image has another size"):
        open_dataset(DataRequest(root=str(folder))).load("Piano")


def test_scikit_image_s_pair_without_any_root() -> None:
    """Visible pixels look alike at their places, hidden ones do not: the convention is the right one."""
    dataset = open_dataset(DataRequest())
    assert dataset.label == "stereo (motorcycle)"
    sample = dataset.load("motorcycle")
    assert sample.hr is not None
    assert sample.places is not None
    at = sample.places[::7, ::7]
    known = np.isfinite(at).all(-1)
    assert 0.8 < known.mean() < 0.9
    there = [
        map_coordinates(sample.refs[0][..., c].astype(float), [at[known][:, 1], at[known][:, 0]], order=1)
        for c in range(3)
    ]
    error = np.abs(np.stack(there, -1) - sample.hr[::7, ::7][known])
    assert np.median(error) < 4
    assert error.mean() < 6


def test_a_scikit_image_without_its_pair_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ModuleSpec("skimage.data", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(adapter, "find_spec", lambda name: found)
    told = re.escape(f"no motorcycle_left.png in {tmp_path}; install its wheel") + r".* data\.root=DIR"
    with pytest.raises(UserError, match=told):
        open_dataset(DataRequest())
