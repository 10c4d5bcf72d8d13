"""method=folder: which file stands for a sample, what is refused, and what its identity covers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from refbench.errors import SampleError, UserError
from refbench.execution.worker import InProcess
from refbench.methods.bicubic.method import Bicubic
from refbench.methods.folder.method import Folder
from refbench.methods.folder.spec import SPEC
from refbench.plan.method_hooks import file_identity, require_preflight
from refbench.tensors import to_image, to_tensor
from refbench.types import Input, TrialMeta


def picture(height: int = 16, width: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, image: np.ndarray, kind: str = "PNG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(image).save(path, format=kind)


def ask(
    sample_id: str = "006", ref_names: tuple[str, ...] = (), cut: tuple[int, int, int, int] | None = None
) -> Input:
    return Input(torch.zeros(3, 4, 6), (), 4, sample_id, ref_names, cut)


@pytest.mark.parametrize("name", ["006_mse.png", "006_mse.PNG", "006_mse.Bmp"])
def test_file_is_found_by_id_and_suffix_with_any_case_of_extension(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, picture(), "BMP" if name.endswith("Bmp") else "PNG")
    sr = Folder(None, "cpu", dir=str(tmp_path), suffix="_mse")(ask())
    assert sr.dtype == torch.float32
    assert np.array_equal(to_image(sr), picture())


def test_content_decides_the_decoder_not_the_name(tmp_path: Path) -> None:
    save(tmp_path / "006.png", picture(), "BMP")
    assert np.array_equal(to_image(Folder(None, "cpu", dir=str(tmp_path))(ask())), picture())


def test_file_named_after_the_reference_is_the_second_choice(tmp_path: Path) -> None:
    folder = Folder(None, "cpu", dir=str(tmp_path))
    save(tmp_path / "006_ref.png", picture(seed=1))
    assert np.array_equal(to_image(folder(ask(ref_names=("006_ref.jpg",)))), picture(seed=1))
    save(tmp_path / "006.png", picture(seed=2))
    assert np.array_equal(to_image(folder(ask(ref_names=("006_ref.jpg",)))), picture(seed=2))


def test_id_with_a_folder_in_it(tmp_path: Path) -> None:
    save(tmp_path / "a" / "b_x.png", picture())
    assert Folder(None, "cpu", dir=str(tmp_path), suffix="_x")(ask("a/b")).shape == (3, 16, 24)


@pytest.mark.parametrize("sample_id", ["../006", "/etc/006", "a/../../006"])
def test_id_cannot_lead_out_of_the_folder(tmp_path: Path, sample_id: str) -> None:
    save(tmp_path / "006.png", picture())
    (tmp_path / "inner").mkdir()
    with pytest.raises(UserError, match=r"would lead out of method\.dir"):
        Folder(None, "cpu", dir=str(tmp_path / "inner"))(ask(sample_id))


def test_two_files_for_one_sample_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "006.png", picture())
    save(tmp_path / "006.jpg", picture(), "JPEG")
    with pytest.raises(UserError, match=r"006\.jpg and 006\.png both stand for '006'; keep one"):
        Folder(None, "cpu", dir=str(tmp_path))(ask())


def test_missing_folder_and_missing_key_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"method\.dir=.*nowhere does not exist"):
        Folder(None, "cpu", dir=str(tmp_path / "nowhere"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is not a folder"):
        Folder(None, "cpu", dir=str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"needs method\.dir=DIR"):
        Folder(None, "cpu")


def test_missing_or_mis_sized_file_at_call_time_is_a_sample_error(tmp_path: Path) -> None:
    folder = Folder(None, "cpu", dir=str(tmp_path), suffix="_mse")
    with pytest.raises(SampleError, match=r"no 006_mse\.png or 006_ref_mse\.png"):
        folder(ask(ref_names=("006_ref.png",)))
    save(tmp_path / "006_mse.png", picture(17, 24))
    with pytest.raises(SampleError, match="is 24x17, expected 24x16"):
        folder(ask())


def test_an_image_of_the_scored_part_alone_is_put_in_its_place(tmp_path: Path) -> None:
    save(tmp_path / "006.png", picture(12, 20))
    folder = Folder(None, "cpu", dir=str(tmp_path))
    for top, left in ((0, 0), (3, 1), (4, 4)):
        sr = to_image(folder(ask(cut=(top, left, 12, 20))))
        assert sr.shape == (16, 24, 3)
        assert np.array_equal(sr[top : top + 12, left : left + 20], picture(12, 20))
    with pytest.raises(SampleError, match="is 20x12, expected 19x12"):
        folder(ask(cut=(0, 0, 12, 19)))


def test_preflight_lists_missing_and_mis_sized_once_per_sample(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture())
    save(tmp_path / "b.png", picture(8, 8))
    (tmp_path / "c.png").write_bytes(b"not an image")
    folder = Folder(None, "cpu", dir=str(tmp_path))
    metas = [TrialMeta(name, (), (16, 24)) for name in ("a", "b", "b", "c", "d")]
    problems = folder.preflight(metas)
    assert [problem.split(":")[0] for problem in problems] == ["b", "c", "d"]
    assert problems[0] == "b: b.png is 8x8, expected 24x16"
    assert problems[2] == "d: no d.png"


def test_preflight_error_names_ten_and_counts_the_rest(tmp_path: Path) -> None:
    folder = Folder(None, "cpu", dir=str(tmp_path))
    metas = [TrialMeta(f"{i:03d}") for i in range(13)]
    problems = folder.preflight(metas)
    with pytest.raises(UserError) as caught:
        require_preflight(problems, metas, "folder")
    line = str(caught.value)
    assert line.startswith("folder: 13 of 13 samples cannot be scored: 000: no 000.png; ")
    assert "009: no 009.png" in line
    assert "010" not in line
    assert line.endswith("; and 3 more")
    assert "\n" not in line


def test_advice_can_be_pasted(tmp_path: Path) -> None:
    """9 of 80 files are there, under a suffix that was not given."""
    for name in ("001", *(f"{i:03}_mse" for i in range(9))):
        PilImage.new("RGB", (24, 16)).save(tmp_path / f"{name}.png")
    metas = [TrialMeta(f"{i:03}", (), (16, 24)) for i in range(80)]
    folder = Folder(None, "cpu", dir=str(tmp_path))
    assert folder.advice(metas) == [
        f"{tmp_path} holds 10 images: 000_mse.png, 001.png, 001_mse.png, 002_mse.png, 003_mse.png, "
        "and 5 more",
        "method.suffix=_mse fits more of them",
        "to score the 1 of 80 that are there: 'data.ids=[001]'",
    ]
    fits = Folder(None, "cpu", dir=str(tmp_path), suffix="_mse")
    ids = ",".join(f"{i:03}" for i in range(9))
    listed, pasted = fits.advice(metas)
    assert listed == folder.advice(metas)[0]
    assert pasted == f"to score the 9 of 80 that are there: 'data.ids=[{ids}]'"
    with pytest.raises(UserError, match=r"71 of 80 samples cannot be scored: .*; and 61 more; .* holds 10"):
        require_preflight(fits.preflight(metas), metas, "folder", fits.advice(metas))
    (tmp_path / "empty").mkdir()
    empty = Folder(None, "cpu", dir=str(tmp_path / "empty"))
    assert empty.advice(metas) == [f"{tmp_path / 'empty'} holds no image"]


def test_preflight_passes_when_all_is_there_and_for_methods_without_the_hook(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture())
    assert Folder(None, "cpu", dir=str(tmp_path)).preflight([TrialMeta("a", (), (16, 24))]) == []
    assert InProcess(Bicubic(None, "cpu")).preflight([TrialMeta("a")]) == []
    require_preflight([], [TrialMeta("a")], "bicubic")


def test_identity_changes_with_used_images_only(tmp_path: Path) -> None:
    params = {"dir": str(tmp_path), "suffix": "_x"}
    for name in ("a_x.png", "b_x.png"):
        save(tmp_path / name, picture())
    first = Folder.identity(params, ["a", "b"])
    save(tmp_path / "c_x.png", picture(seed=3))
    (tmp_path / "notes.txt").write_text("x")
    assert Folder.identity(params, ["a", "b"]) == first
    save(tmp_path / "b_x.png", picture(seed=4))
    assert Folder.identity(params, ["a", "b"]) != first
    assert len(first) == 64


def test_identity_covers_files_named_after_references(tmp_path: Path) -> None:
    params = {"dir": str(tmp_path), "suffix": ""}
    save(tmp_path / "a_ref.png", picture())
    first = Folder.identity(params, ["a"])
    save(tmp_path / "a_ref.png", picture(seed=5))
    assert Folder.identity(params, ["a"]) != first


def test_identity_hook_is_found_on_the_class(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture())
    params = {"dir": str(tmp_path), "suffix": ""}
    assert file_identity(Folder, params, ["a"]) == Folder.identity(params, ["a"])
    assert file_identity(Bicubic, {}, ["a"]) is None


def test_spec_declares_a_method_that_sees_no_reference() -> None:
    assert (SPEC.max_refs, SPEC.uses_reference, SPEC.variants) == (0, False, ())
    assert set(SPEC.params) == {"dir", "name", "suffix"}


def test_output_is_bit_exact(tmp_path: Path) -> None:
    every_value = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, 2)
    assert np.array_equal(to_image(to_tensor(every_value)), every_value)
