"""Anyone's own images: folders, lists, with and without ground truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.datasets.pairs.adapter import open_dataset
from refbench.errors import UserError
from refbench.specs import DataRequest


def _image(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PILImage.fromarray(np.full((6, 8, 3), value, np.uint8)).save(path)
    return path


def _folders(root: Path) -> dict[str, str]:
    return {"input": str(root / "input"), "ref": str(root / "ref")}


def test_two_folders_are_matched_by_name(tmp_path: Path) -> None:
    for stem in ("ä 1", "same", "many", "deep"):
        _image(tmp_path / "input" / f"{stem}.png", 1)
    _image(tmp_path / "ref" / "same.jpg", 2)
    _image(tmp_path / "ref" / "ä 1_ref.png", 3)
    for number in (10, 2, 1):
        _image(tmp_path / "ref" / f"many_{number}.png", number)
    _image(tmp_path / "ref" / "deep" / "b.png", 5)
    _image(tmp_path / "ref" / "deep" / "a.png", 4)
    dataset = open_dataset(DataRequest(options=_folders(tmp_path)))
    assert dataset.name == "pairs"
    assert dataset.ids() == ("deep", "many", "same", "ä 1")
    names = {i: dataset.load(i).ref_names for i in dataset.ids()}
    assert names == {
        "deep": ("a.png", "b.png"),
        "many": ("many_1.png", "many_2.png", "many_10.png"),
        "same": ("same.jpg",),
        "ä 1": ("ä 1_ref.png",),
    }


def test_a_root_stands_for_its_input_and_ref_folders(tmp_path: Path) -> None:
    _image(tmp_path / "my photos" / "input" / "a.png", 1)
    _image(tmp_path / "my photos" / "ref" / "a.png", 2)
    dataset = open_dataset(DataRequest(root=str(tmp_path / "my photos")))
    assert dataset.label == "pairs (my photos)"
    assert dataset.ids() == ("a",)


def test_an_input_without_a_reference_needs_partial(tmp_path: Path) -> None:
    for stem in ("a", "b", "c"):
        _image(tmp_path / "input" / f"{stem}.png", 1)
    _image(tmp_path / "ref" / "a.png", 2)
    with pytest.raises(UserError, match=r"found 1 of 3 samples \(missing: ref/b.png, ref/c.png\)"):
        open_dataset(DataRequest(options=_folders(tmp_path)))
    dataset = open_dataset(DataRequest(options=_folders(tmp_path), partial=True))
    assert dataset.label == "pairs (input) [1 of 3]"


def test_lr_alone_gives_samples_without_ground_truth(tmp_path: Path) -> None:
    _image(tmp_path / "small" / "a.png", 9)
    _image(tmp_path / "ref" / "a.png", 2)
    options = {"lr_dir": str(tmp_path / "small"), "ref": str(tmp_path / "ref")}
    dataset = open_dataset(DataRequest(options=options))
    sample = dataset.load("a")
    assert dataset.label == "pairs (small) external-lr"
    assert sample.hr is None
    assert sample.lr is not None
    assert sample.lr[0, 0, 0] == 9


def test_list_file_with_several_references_spaces_and_comments(tmp_path: Path) -> None:
    for value, name in enumerate(("hr one.png", "refs/r1.png", "refs/r2.png")):
        _image(tmp_path / name, value)
    listed = tmp_path / "mine.txt"
    listed.write_text('# input refs\n\n"hr one.png" refs/r2.png refs/r1.png\n', encoding="utf-8")
    dataset = open_dataset(DataRequest(options={"list": str(listed)}))
    assert dataset.label == "pairs (mine)"
    assert dataset.load("hr one").ref_names == ("r2.png", "r1.png")


def test_list_beside_a_root(tmp_path: Path) -> None:
    _image(tmp_path / "data" / "a.png", 1)
    _image(tmp_path / "data" / "b.png", 1)
    listed = tmp_path / "lists" / "x.txt"
    listed.parent.mkdir()
    listed.write_text("a.png b.png\n")
    options = {"list": str(listed)}
    with pytest.raises(UserError, match=r"missing: a\.png, b\.png"):
        open_dataset(DataRequest(options=options))
    assert open_dataset(DataRequest(root=str(tmp_path / "data"), options=options)).ids() == ("a",)


def test_list_entries_outside_its_folder_are_refused(tmp_path: Path) -> None:
    _image(tmp_path / "outside.png", 1)
    _image(tmp_path / "set" / "a.png", 1)
    listed = tmp_path / "set" / "x.txt"
    listed.write_text(f"a.png {tmp_path / 'outside.png'}\n")
    with pytest.raises(UserError, match=r"outside\.png leads out of "):
        open_dataset(DataRequest(options={"list": str(listed)}))
    listed.rename(tmp_path / "y.txt")
    (tmp_path / "y.txt").write_text("set/a.png outside.png\n")
    wider = DataRequest(options={"list": str(tmp_path / "y.txt")})
    assert open_dataset(wider).load("a").ref_names == ("outside.png",)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "dataset pairs: data.input is missing; give data.input=DIR data.ref=DIR"),
        ({"inputs": "x"}, "no key data.inputs; did you mean 'input'?"),
        ({"list": "no.txt"}, "data.list=no.txt: there is no such file"),
        ({"list": "no.txt", "ref": "x"}, "data.list and data.ref exclude each other"),
        ({"input": "no such", "ref": "x"}, "data.input=no such: there is no such folder"),
    ],
)
def test_wrong_keys_are_one_line(options: dict[str, str], says: str) -> None:
    with pytest.raises(UserError) as caught:
        open_dataset(DataRequest(options=options))
    assert says in str(caught.value)


def test_two_samples_of_one_name_in_a_list(tmp_path: Path) -> None:
    for name in ("x/a.png", "y/a.png", "r.png"):
        _image(tmp_path / name, 1)
    listed = tmp_path / "l.txt"
    listed.write_text("x/a.png r.png\ny/a.png r.png\n")
    with pytest.raises(UserError, match=r"line 2: a sample called 'a' came before"):
        open_dataset(DataRequest(options={"list": str(listed)}))
