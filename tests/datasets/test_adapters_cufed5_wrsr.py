"""CUFED5 and WR-SR copies: complete, partial, damaged, chosen by list or id."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.datasets.cufed5.adapter import open_dataset as open_cufed5
from refbench.datasets.wrsr.adapter import open_dataset as open_wrsr
from refbench.errors import SampleError, UserError
from refbench.specs import DataRequest


def _image(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PILImage.fromarray(np.full((6, 8, 3), value % 256, np.uint8)).save(path, format="PNG")


def _cufed5(root: Path, groups: int) -> Path:
    for group in range(groups):
        for level in range(6):
            _image(root / f"{group:03d}_{level}.png", group + level)
    return root


def _wrsr(root: Path, pairs: int) -> Path:
    for index in range(1, pairs + 1):
        _image(root / "input" / f"{index:03d}.png", index)
        _image(root / "ref" / f"{index:03d}_ref.png", index + 100)
    return root


def _request(root: Path, partial: bool = False, ids: tuple[str, ...] = (), **options: str) -> DataRequest:
    return DataRequest(root=str(root), partial=partial, ids=ids, options=options)


def test_complete_cufed5_has_all_groups_with_references_in_order(tmp_path: Path) -> None:
    dataset = open_cufed5(_request(_cufed5(tmp_path, 126)))
    assert (dataset.name, dataset.label, len(dataset.ids())) == ("cufed5", "cufed5", 126)
    sample = dataset.load("003")
    assert sample.hr is not None
    assert sample.hr[0, 0, 0] == 3
    assert [ref[0, 0, 0] for ref in sample.refs] == [4, 5, 6, 7, 8]
    assert sample.ref_names == ("003_1.png", "003_2.png", "003_3.png", "003_4.png", "003_5.png")


def test_complete_wrsr(tmp_path: Path) -> None:
    dataset = open_wrsr(_request(_wrsr(tmp_path, 80)))
    assert (dataset.label, dataset.ids()[0], dataset.ids()[-1]) == ("wrsr", "001", "080")
    assert dataset.load("080").ref_names == ("080_ref.png",)


def test_the_folder_above_may_be_the_root(tmp_path: Path) -> None:
    _cufed5(tmp_path / "CUFED5", 2)
    _wrsr(tmp_path / "WR-SR", 2)
    assert open_cufed5(_request(tmp_path, partial=True)).label == "cufed5 [2 of 126]"
    assert open_wrsr(_request(tmp_path, partial=True)).label == "wrsr [2 of 80]"


def test_an_incomplete_copy_is_refused_with_count_source_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_wrsr(_request(_wrsr(tmp_path, 6)))
    text = str(caught.value)
    for part in (str(tmp_path), "input/NNN.png", "6 of 80", "https://github.com/", "data.partial=true"):
        assert part in text
    assert "\n" not in text


def test_an_empty_root_says_what_was_looked_for_and_does_not_offer_partial(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        open_cufed5(_request(tmp_path, partial=True))
    assert "looked in" in str(caught.value)
    assert "NNN_0.png" in str(caught.value)
    assert "data.partial" not in str(caught.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    root = _wrsr(tmp_path, 80)
    (root / "ref" / "017_ref.png").unlink()
    (root / "input" / "020.png").unlink()
    with pytest.raises(UserError, match=r"78 of 80 samples \(missing: input/020.png, ref/017_ref.png\)"):
        open_wrsr(_request(root))
    assert open_wrsr(_request(root, partial=True)).label == "wrsr [78 of 80]"


def test_partial_cufed5_never_passes_a_worse_reference_off_as_the_best(tmp_path: Path) -> None:
    root = _cufed5(tmp_path, 3)
    (root / "000_1.png").unlink()  # unusable: its best reference is gone
    (root / "001_3.png").unlink()  # usable up to L2
    dataset = open_cufed5(_request(root, partial=True))
    assert dataset.ids() == ("001", "002")
    assert dataset.load("001").ref_names == ("001_1.png", "001_2.png")


def test_root_must_be_given_and_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset wrsr needs data.root=DIR .*get it: "):
        open_wrsr(DataRequest())
    with pytest.raises(UserError, match=r"nowhere: there is no such folder"):
        open_wrsr(_request(tmp_path / "nowhere"))


def test_ids_select_in_the_order_asked_for(tmp_path: Path) -> None:
    full = open_wrsr(_request(_wrsr(tmp_path, 6), partial=True))
    some = open_wrsr(_request(tmp_path, partial=True, ids=("006", "004", "006")))
    assert some.ids() == ("006", "004")
    assert some.fingerprint == full.fingerprint


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("6", "has no sample '6'; did you mean '006'?"),
        ("cat", "has no sample 'cat'; ids run from '001' to '020'"),
    ],
)
def test_unknown_id_has_a_suggestion(tmp_path: Path, wanted: str, says: str) -> None:
    _wrsr(tmp_path, 20)
    with pytest.raises(UserError) as caught:
        open_wrsr(_request(tmp_path, partial=True, ids=(wanted,)))
    assert says in str(caught.value)


def test_a_pair_list_chooses_other_references_and_changes_the_fingerprint(tmp_path: Path) -> None:
    root = _cufed5(tmp_path / "set", 2)
    listed = tmp_path / "CUFED5_ref5_pairs.txt"
    listed.write_text("# least similar\n000_0.png 000_5.png\n001_0.png 001_5.png 001_4.png\n")
    plain = open_cufed5(_request(root, partial=True))
    chosen = open_cufed5(_request(root, partial=True, list=str(listed)))
    assert chosen.load("000").ref_names == ("000_5.png",)
    assert chosen.load("001").ref_names == ("001_5.png", "001_4.png")
    assert chosen.fingerprint != plain.fingerprint


def test_wrsr_pair_list(tmp_path: Path) -> None:
    root = _wrsr(tmp_path / "set", 3)
    listed = tmp_path / "pairs.txt"
    listed.write_text("001.png 003_ref.png\n002.png 009_ref.png\n")
    with pytest.raises(UserError, match=r"missing: ref/009_ref.png"):
        open_wrsr(_request(root, list=str(listed)))
    dataset = open_wrsr(_request(root, partial=True, list=str(listed)))
    assert dataset.load("001").ref_names == ("003_ref.png",)
    assert dataset.ids() == ("001",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("000_0.png\n", "line 1: '000_0.png' names no reference"),
        ("\n\n", "has no pairs"),
        ("000_0.png ../secret.png\n", "line 1: ../secret.png leads out of its folder"),
        ("000_0.png 000_1.png\n000_0.png 000_2.png\n", "line 2: 000_0.png is also on line 1"),
        ("cat.png 000_1.png\n", "line 1: cat.png is not called NNN_0.png"),
        ('"000_0.png 000_1.png\n', "line 1: the quote before 000_0.png is not closed"),
    ],
)
def test_bad_pair_lists_are_refused_by_line(tmp_path: Path, text: str, says: str) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(text)
    with pytest.raises(UserError) as caught:
        open_cufed5(_request(_cufed5(tmp_path / "set", 1), partial=True, list=str(listed)))
    assert says in str(caught.value)
    assert str(listed) in str(caught.value)


def test_fingerprint_follows_names_and_contents_not_the_place(tmp_path: Path) -> None:
    def fingerprint(root: Path) -> str:
        return str(open_wrsr(_request(root, partial=True)).fingerprint)

    first = fingerprint(_wrsr(tmp_path / "a", 2))
    assert fingerprint(_wrsr(tmp_path / "b", 2)) == first
    _image(tmp_path / "b" / "ref" / "002_ref.png", 7)
    assert fingerprint(tmp_path / "b") != first
    (tmp_path / "a" / "notes.txt").write_text("not part of the set")
    assert fingerprint(tmp_path / "a") == first


def test_a_damaged_image_fails_when_loaded_not_when_opened(tmp_path: Path) -> None:
    root = _wrsr(tmp_path, 2)
    (root / "input" / "002.png").write_bytes(b"")
    dataset = open_wrsr(_request(root, partial=True))
    assert dataset.load("001").hr is not None
    with pytest.raises(SampleError, match=r"002\.png: is empty"):
        dataset.load("002")


def test_links_out_of_the_root_are_refused(tmp_path: Path) -> None:
    root = _wrsr(tmp_path / "set", 2)
    _image(tmp_path / "elsewhere.png", 1)
    (root / "input" / "002.png").unlink()
    (root / "input" / "002.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(UserError, match=r"002\.png leads out of .* copy the file or widen data\.root"):
        open_wrsr(_request(root, partial=True))


def test_links_inside_the_root_and_a_linked_root_are_fine(tmp_path: Path) -> None:
    root = _wrsr(tmp_path / "set", 2)
    (root / "input" / "002.png").unlink()
    (root / "input" / "002.png").symlink_to(root / "ref" / "001_ref.png")
    (tmp_path / "link").symlink_to(root)
    assert len(open_wrsr(_request(tmp_path / "link", partial=True)).ids()) == 2


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    root = _wrsr(tmp_path, 2)
    _image(root / "input" / "001.jpg", 9)
    with pytest.raises(UserError, match=r"001\.jpg and 001\.png have the same name; keep one"):
        open_wrsr(_request(root, partial=True))


def test_unknown_data_keys_are_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset wrsr has no key data\.lst; did you mean 'list'\?"):
        open_wrsr(_request(_wrsr(tmp_path, 1), partial=True, lst="x"))


def test_external_lr_replaces_the_protocols_lr_and_stands_in_the_label(tmp_path: Path) -> None:
    root = _wrsr(tmp_path / "set", 2)
    _image(tmp_path / "lr" / "001.png", 50)
    _image(tmp_path / "lr" / "002.png", 60)
    plain = open_wrsr(_request(root, partial=True))
    dataset = open_wrsr(_request(root, partial=True, lr_dir=str(tmp_path / "lr")))
    assert dataset.label == "wrsr external-lr [2 of 80]"
    assert dataset.fingerprint != plain.fingerprint
    sample = dataset.load("002")
    assert sample.lr is not None
    assert sample.lr[0, 0, 0] == 60
    assert sample.hr is not None
