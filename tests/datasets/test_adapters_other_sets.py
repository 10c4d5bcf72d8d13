"""Sun80, Urban100, Manga109, LMR and CUFED train: official layouts and the common copies' names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.datasets.cufed_train.adapter import open_dataset as open_cufed_train
from refbench.datasets.lmr.adapter import open_dataset as open_lmr
from refbench.datasets.manga109.adapter import open_dataset as open_manga109
from refbench.datasets.sun80.adapter import open_dataset as open_sun80
from refbench.datasets.urban100.adapter import open_dataset as open_urban100
from refbench.errors import UserError
from refbench.registry import Registry
from refbench.specs import DataRequest


def _image(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((5, 6, 3), value % 256, np.uint8)
    # no two files show the same: a reference that shows HR is an oracle
    pixels[0, -1] = list(hashlib.sha256(f"{path.parent.name}/{path.name}".encode()).digest()[:3])
    PILImage.fromarray(pixels).save(path)


def _request(root: Path, partial: bool = True, **options: str) -> DataRequest:
    return DataRequest(root=str(root), partial=partial, options=options)


def test_all_built_in_specs_can_be_read_and_say_where_to_get_the_set() -> None:
    entries = Registry.discover().entries("datasets")
    assert {"cufed5", "cufed_train", "lmr", "manga109", "pairs", "sample", "sun80", "urban100", "wrsr"} <= {
        entry.name for entry in entries
    }
    for entry in entries:
        assert entry.error is None
        spec = Registry.discover().dataset(entry.name)
        assert spec.layout
        assert spec.source
        assert spec.licence != "unknown"


@pytest.mark.parametrize("named_by", ["file", "stem"])
def test_sun80_in_the_authors_folders(tmp_path: Path, named_by: str) -> None:
    for index in range(80):
        name = f"canal_{index:02d}"
        _image(tmp_path / "Sun_Hays_SR_groundtruth" / f"{name}.jpg", index)
        folder = f"{name}.jpg" if named_by == "file" else name
        for match in ("b", "a"):
            _image(tmp_path / "Sun_Hays_SR_scenematches" / folder / f"{match}.jpg", index)
    dataset = open_sun80(_request(tmp_path, partial=False))
    assert dataset.label == "sun80"
    assert dataset.load("canal_07").ref_names == ("a.jpg", "b.jpg")


def test_sun80_hr_images_of_selfexsr_alone(tmp_path: Path) -> None:
    for index in range(1, 81):
        _image(tmp_path / "Sun-Hays80" / "image_SRF_8" / f"img_{index:03d}_SRF_8_HR.png", index)
        _image(tmp_path / "Sun-Hays80" / "image_SRF_8" / f"img_{index:03d}_SRF_8_LR.png", index)
    dataset = open_sun80(_request(tmp_path, partial=False))
    assert dataset.label == "sun80 (HR only)"
    assert dataset.ids()[:2] == ("001", "002")
    assert dataset.load("015").refs == ()


def test_sun80_missing_scene_matches_are_named(tmp_path: Path) -> None:
    for name in ("x", "y"):
        _image(tmp_path / "Sun_Hays_SR_groundtruth" / f"{name}.jpg")
    _image(tmp_path / "Sun_Hays_SR_scenematches" / "x" / "1.jpg")
    with pytest.raises(UserError, match=r"1 of 80 samples \(missing: Sun_Hays_SR_scenematches/y\)"):
        open_sun80(_request(tmp_path, partial=False))


def test_sun80_pair_list(tmp_path: Path) -> None:
    _image(tmp_path / "input" / "015.jpg", 1)
    _image(tmp_path / "ref" / "015_1.jpg", 2)
    _image(tmp_path / "ref" / "015_2.jpg", 3)
    (tmp_path / "pairs.txt").write_text("015.jpg 015_2.jpg\n")
    assert open_sun80(_request(tmp_path)).load("015").ref_names == ("015_1.jpg", "015_2.jpg")
    listed = open_sun80(_request(tmp_path, list=str(tmp_path / "pairs.txt")))
    assert listed.load("015").ref_names == ("015_2.jpg",)


@pytest.mark.parametrize("pattern", ["img_{:03d}.png", "{:03d}.png", "image_SRF_4/img_{:03d}_SRF_4_HR.png"])
def test_urban100_under_its_three_names(tmp_path: Path, pattern: str) -> None:
    for index in range(1, 101):
        _image(tmp_path / pattern.format(index), index)
    dataset = open_urban100(_request(tmp_path, partial=False))
    assert (dataset.label, dataset.ids()[0], dataset.ids()[-1]) == ("urban100", "001", "100")
    assert dataset.load("100").refs == ()


def test_urban100_with_itself_as_reference_says_that_hr_leaks(tmp_path: Path) -> None:
    for index in (1, 2):
        _image(tmp_path / f"img_{index:03d}.png", index)
    (tmp_path / "pairs.txt").write_text("001.png 001.png\n002.png 001.png\n")
    dataset = open_urban100(_request(tmp_path, list=str(tmp_path / "pairs.txt")))
    assert dataset.label == "urban100 (oracle: leaks HR) [2 of 100]"


def test_two_names_for_one_image_are_refused(tmp_path: Path) -> None:
    _image(tmp_path / "001.png")
    _image(tmp_path / "img_001.png")
    with pytest.raises(UserError, match=r"001\.png and img_001\.png are both image 001; keep one"):
        open_urban100(_request(tmp_path))


def test_manga109_references_are_fixed_and_never_the_page_itself(tmp_path: Path) -> None:
    for index in range(109):
        _image(tmp_path / f"Book{index}.png", index)
    first, again = (open_manga109(_request(tmp_path, partial=False)) for _ in range(2))
    chosen = {i: first.load(i).ref_names for i in first.ids()}
    assert chosen == {i: again.load(i).ref_names for i in again.ids()}
    assert all(len(refs) == 1 and refs != (f"{i}.png",) for i, refs in chosen.items())
    assert len(set(chosen.values())) > 50
    assert first.label == "manga109"


def test_manga109_pair_list(tmp_path: Path) -> None:
    _image(tmp_path / "001.png")
    _image(tmp_path / "ref" / "003_1.png")
    (tmp_path / "pairs.txt").write_text("001.png 003_1.png\n")
    dataset = open_manga109(_request(tmp_path, list=str(tmp_path / "pairs.txt")))
    assert dataset.load("001").ref_names == ("003_1.png",)


def test_lmr_input_is_the_file_named_by_its_folder(tmp_path: Path) -> None:
    for index in range(142):
        folder = tmp_path / f"{index:04d}_photo_{index}.jpg"
        for name, value in ((f"photo_{index}.jpg", 200), ("a.jpg", 1), ("z.jpg", 2)):
            _image(folder / name, value)
    dataset = open_lmr(_request(tmp_path, partial=False))
    sample = dataset.load("0007")
    assert (dataset.label, sample.ref_names) == ("lmr", ("a.jpg", "z.jpg"))
    assert sample.hr is not None
    assert abs(int(sample.hr[0, 0, 0]) - 200) < 3


def test_lmr_groups_without_input_or_references_are_missing(tmp_path: Path) -> None:
    _image(tmp_path / "0000_a.jpg" / "b.jpg")
    _image(tmp_path / "0001_c.jpg" / "c.jpg")
    _image(tmp_path / "0002_d.jpg" / "d.jpg")
    _image(tmp_path / "0002_d.jpg" / "e.jpg")
    with pytest.raises(UserError, match=r"1 of 142 .*missing: 0000_a\.jpg/a\.jpg, 0001_c\.jpg/<references>"):
        open_lmr(_request(tmp_path, partial=False))


def test_cufed_train_pairs_have_equal_names(tmp_path: Path) -> None:
    _image(tmp_path / "CUFED" / "input" / "000001.png")
    _image(tmp_path / "CUFED" / "ref" / "000001.png")
    _image(tmp_path / "CUFED" / "ref" / "000002.png")
    with pytest.raises(UserError, match=r"1 of 11871 samples \(missing: input/000002\.png\)"):
        open_cufed_train(_request(tmp_path, partial=False))
    assert open_cufed_train(_request(tmp_path)).label == "cufed_train [1 of 11871]"
