"""The bundled sample: layout, licences, size, and that its references show what they should."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PILImage
from sample_set import GROUPS

from refbench.datasets.photos.manifest import read_manifest
from refbench.datasets.sample.adapter import open_dataset
from refbench.datasets.sample.spec import SPEC
from refbench.errors import UserError
from refbench.registry import Registry
from refbench.specs import DataRequest
from refbench.types import Image, Sample

IMAGES = Path(str(files("refbench.datasets.sample") / "images"))
FREE = ("CC0-1.0", "CC-BY-", "CC-BY-SA-", "public-domain")


def _table() -> list[dict[str, str]]:
    return list(csv.DictReader((IMAGES.parent / "LICENSES.csv").read_text(encoding="utf-8").splitlines()))


def test_thirteen_groups_of_six_below_five_megabytes() -> None:
    dataset = open_dataset(DataRequest())
    assert (dataset.name, dataset.label) == ("cufed5", "cufed5-sample")
    assert len(dataset.ids()) == SPEC.count == len(GROUPS) >= 12
    assert all(len(dataset.load(sample_id).refs) == 5 for sample_id in dataset.ids())
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) < 5_000_000


def test_it_is_registered_as_what_stands_in_for_cufed5() -> None:
    registry = Registry.discover()
    assert registry.dataset("cufed5").embedded == "sample"
    assert registry.dataset("sample").target == SPEC.target


def test_sizes_are_as_awkward_as_the_real_ones() -> None:
    dataset = open_dataset(DataRequest())
    samples = [dataset.load(sample_id) for sample_id in dataset.ids()]
    shapes = [s.hr.shape[:2] for s in samples if s.hr is not None]
    assert len(set(shapes)) > 10
    assert any(h % 4 or w % 4 for h, w in shapes)
    assert any(h > w for h, w in shapes)
    assert any(h < w for h, w in shapes)
    assert any(ref.shape != s.hr.shape for s in samples for ref in s.refs if s.hr is not None)


def test_every_image_has_a_free_licence_and_an_author() -> None:
    rows = _table()
    assert {row["image"] for row in rows} == {path.name for path in IMAGES.glob("*.png")}
    for row in rows:
        assert row["licence"].startswith(FREE)
        assert row["author"]
        assert row["source"]


def test_every_group_is_another_photo_and_no_photo_is_trained_on() -> None:
    photos = [row["photo"] for row in _table() if row["image"].endswith("_0.png")]
    assert len(set(photos)) == len(photos)
    training = {row.name for row in read_manifest() if row.role in ("train", "val")}
    assert training.isdisjoint(photos)


def test_the_unrelated_reference_is_from_another_photo() -> None:
    by_image = {row["image"]: row["photo"] for row in _table()}
    for sample_id in open_dataset(DataRequest()).ids():
        own = by_image[f"{sample_id}_0.png"]
        assert all(by_image[f"{sample_id}_{level}.png"] == own for level in range(1, 5))
        assert by_image[f"{sample_id}_5.png"] != own


def test_grades_fall_off_best_first() -> None:
    """How badly a reference's own patches explain the input's grows with every grade, over the set."""
    dataset = open_dataset(DataRequest())
    errors = np.array([_patch_errors(dataset.load(sample_id)) for sample_id in dataset.ids()])
    steps = np.diff(errors.mean(axis=0))
    assert (steps > 0.03 * errors.mean()).all()


def _patch_errors(sample: Sample) -> list[float]:
    """Mean distance from the input's patches to their nearest ones in each reference, in grey levels."""
    assert sample.hr is not None
    queries = _patches(sample.hr, step=16)
    result = []
    for ref in sample.refs:
        keys = _patches(ref, step=2)
        distance = (queries**2).sum(1)[:, None] - 2 * queries @ keys.T + (keys**2).sum(1)[None]
        result.append(float(np.sqrt(np.maximum(distance.min(axis=1), 0)).mean()))
    return result


def _patches(image: Image, step: int) -> npt.NDArray[np.float32]:
    """6x6 grey patches without their mean, so that exposure does not count."""
    grey = np.asarray(PILImage.fromarray(image).convert("L"), dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(grey, (6, 6))[::step, ::step].reshape(-1, 36)
    patches: npt.NDArray[np.float32] = windows - windows.mean(axis=1, keepdims=True)
    return patches


def test_a_data_root_is_not_silently_ignored(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"takes no data\.root; use dataset=cufed5"):
        open_dataset(DataRequest(root=str(tmp_path)))
