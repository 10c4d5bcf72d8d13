"""What folders of images really hold: HR instead of a reference, files nobody reads, odd names."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.datasets.pairs.adapter import open_dataset
from refbench.errors import UserError
from refbench.specs import DataRequest


def image(path: Path, seed: int, size: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(path)
    return path


def pairs(root: Path, ref: str = "ref", **more: str) -> DataRequest:
    return DataRequest(options={"input": str(root / "hr"), "ref": f"{root}/{ref}", **more})


@pytest.mark.parametrize("ref", ["hr", "hr/../hr", "copy", "link", "other_encoding"])
def test_oracle_label_by_path(tmp_path: Path, ref: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hr = image(tmp_path / "hr" / "a.png", 1)
    shutil.copytree(tmp_path / "hr", tmp_path / "copy")
    (tmp_path / "link").symlink_to("hr")
    (tmp_path / "other_encoding").mkdir()
    PILImage.open(hr).save(tmp_path / "other_encoding" / "a.tif")
    assert open_dataset(pairs(tmp_path, ref)).label == "pairs (hr) (oracle: leaks HR)"
    monkeypatch.chdir(tmp_path)
    relative = DataRequest(options={"input": "hr", "ref": ref})
    assert open_dataset(relative).label == "pairs (hr) (oracle: leaks HR)"


def test_a_reference_that_differs_in_one_pixel_is_not_an_oracle(tmp_path: Path) -> None:
    pixels = np.asarray(PILImage.open(image(tmp_path / "hr" / "a.png", 1))).copy()
    pixels[3, 4, 1] ^= 1
    (tmp_path / "ref").mkdir()
    PILImage.fromarray(pixels).save(tmp_path / "ref" / "a.png")
    assert open_dataset(pairs(tmp_path)).label == "pairs (hr)"


def test_skipped_extensions(tmp_path: Path) -> None:
    for seed, name in enumerate(("a.png", "b.jfif", "c.pgm", "d.gif", "e.jp2")):
        picture = PILImage.open(image(tmp_path / "t.png", seed))
        (tmp_path / "hr").mkdir(exist_ok=True)
        picture.convert("L").save(tmp_path / "hr" / name, format="JPEG" if name == "b.jfif" else None)
        image(tmp_path / "ref" / f"{Path(name).stem}.png", 10 + seed)
    (tmp_path / "hr" / "f.heic").write_bytes(b"heic")
    (tmp_path / "hr" / "g.png").mkdir()
    image(tmp_path / "ref" / "z.png", 99)
    dataset = open_dataset(pairs(tmp_path))
    assert len(dataset.ids()) == 5
    assert all(dataset.load(i).hr is not None for i in dataset.ids())
    assert dataset.notes == (f"left out: f.heic, g.png, ref/z.png (in {tmp_path / 'hr'})",)


def test_left_out_files_are_named_by_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(tmp_path / "hr" / "a.png", 1)
    image(tmp_path / "ref" / "a.png", 2)
    (tmp_path / "hr" / "b.cr2").write_bytes(b"raw")
    words = ["run", "method=bicubic", "suite=pairs", f"data.input={tmp_path / 'hr'}"]
    words += [f"data.ref={tmp_path / 'ref'}", f"out={tmp_path / 'out'}", "tracking=none"]
    assert main([*words, "--dry-run"]) == 0
    assert "left out: b.cr2" in capsys.readouterr().err


@pytest.mark.parametrize(("setting", "shown"), [("data.ids=[a,c]", "[2 of 3]"), ("limit=1", "[1 of 3]")])
def test_a_chosen_part_is_labelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, shown: str
) -> None:
    for seed, name in enumerate("abc"):
        image(tmp_path / "hr" / f"{name}.png", seed)
        image(tmp_path / "ref" / f"{name}.png", 10 + seed)
    words = ["run", "method=bicubic", "suite=pairs", f"data.input={tmp_path / 'hr'}"]
    words += [f"data.ref={tmp_path / 'ref'}", f"out={tmp_path / 'out'}", "tracking=none", setting]
    assert main([*words, "--dry-run"]) == 0
    assert f"pairs (hr) {shown}" in capsys.readouterr().out
    assert main([*words, "device=cpu", "images=none"]) == 0
    assert f"pairs (hr) {shown}" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["fifo", "loop"])
def test_fifo_in_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    image(tmp_path / "hr" / "a.png", 1)
    image(tmp_path / "ref" / "a.png", 2)
    odd = tmp_path / "hr" / "z.png"
    os.mkfifo(odd) if kind == "fifo" else odd.symlink_to("z.png")
    words = ["run", "method=bicubic", "suite=pairs", f"data.input={tmp_path / 'hr'}"]
    assert main([*words, f"data.ref={tmp_path / 'ref'}", f"out={tmp_path / 'o'}", "tracking=none"]) == 2
    said = capsys.readouterr().err.strip()
    assert "z.png: is a" in said
    assert "\n" not in said


def test_latin1_filename(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("hr", "ref"):
        made = image(tmp_path / folder / "t.png", len(folder))
        os.replace(made, os.fsencode(made.parent) + b"/caf\xe9.png")
    words = ["run", "method=bicubic", "suite=pairs", f"data.input={tmp_path / 'hr'}"]
    assert main([*words, f"data.ref={tmp_path / 'ref'}", f"out={tmp_path / 'o'}", "tracking=none"]) == 2
    assert r"caf\xe9.png: its name is not UTF-8; rename it" in capsys.readouterr().err


def test_accents_written_in_two_ways_are_one_name(tmp_path: Path) -> None:
    together, apart = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")
    image(tmp_path / "hr" / f"{apart}.png", 1)
    image(tmp_path / "ref" / f"{together}.png", 2)
    assert open_dataset(pairs(tmp_path)).ids() == (together,)
    listed = tmp_path / "list.txt"
    listed.write_text(f"hr/{together}.png ref/{apart}.png\n", encoding="utf-8")
    dataset = open_dataset(DataRequest(options={"list": str(listed)}))
    assert dataset.ids() == (together,)


@pytest.mark.parametrize(
    "line", [r"hr\it's.png ref\r.png", '"hr/it\'s.png" ref/r.png', "'hr/it's.png' 'ref/r.png'"]
)
def test_backslashes_and_apostrophes_in_pair_lists(tmp_path: Path, line: str) -> None:
    image(tmp_path / "hr" / "it's.png", 1)
    image(tmp_path / "ref" / "r.png", 2)
    (tmp_path / "list.txt").write_text(line + "\n")
    dataset = open_dataset(DataRequest(options={"list": str(tmp_path / "list.txt")}))
    assert dataset.load("it's").ref_names == ("r.png",)


def test_a_backslash_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("..\\hr.png ref.png\n")
    with pytest.raises(UserError, match="leads out of its folder"):
        open_dataset(DataRequest(options={"list": str(tmp_path / "list.txt")}))
