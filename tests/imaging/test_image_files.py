"""Image files in folders: names, kinds of files, and what belongs together by name."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from refbench.errors import UserError
from refbench.imaging.files import by_stem, check_name, folder_images, references_of


def touch(folder: Path, *names: str) -> dict[str, Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return by_stem(folder_images(folder).images)


def test_skipped_extensions(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.jfif", "c.PGM", "d.gif", "e.jp2", "f.heic", "notes.txt", ".hidden.png")
    (tmp_path / "g.png").mkdir()
    (tmp_path / "sub").mkdir()
    found = folder_images(tmp_path)
    assert [path.name for path in found.images] == ["a.png", "b.jfif", "c.PGM", "d.gif", "e.jp2"]
    assert [path.name for path in found.others] == ["f.heic", "g.png", "notes.txt"]
    assert folder_images(tmp_path / "absent").images == ()


def test_fifo_in_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "z.png")
    with pytest.raises(UserError, match=r"z\.png: is a named pipe, not an image file; remove it"):
        folder_images(tmp_path)


@pytest.mark.parametrize("target", ["z.png", "nowhere.png"])
def test_links_that_lead_nowhere_or_to_themselves(tmp_path: Path, target: str) -> None:
    (tmp_path / "z.png").symlink_to(target)
    with pytest.raises(UserError, match=r"z\.png: is a link that leads nowhere or to itself; remove it"):
        folder_images(tmp_path)


def test_a_device_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "z.png").symlink_to("/dev/zero")
    with pytest.raises(UserError, match=r"z\.png: is a device"):
        folder_images(tmp_path)


def test_latin1_filename(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    path.touch()
    with pytest.raises(UserError) as caught:
        folder_images(tmp_path)
    assert r"caf\xe9.png: its name is not UTF-8; rename it" in str(caught.value)
    str(caught.value).encode("utf-8")


def test_a_name_that_only_the_locale_cannot_hold() -> None:
    # what Python makes of an UTF-8 name under LC_ALL=C: its bytes as lone surrogates
    name = "café.png".encode().decode("ascii", "surrogateescape")
    with pytest.raises(UserError, match=r"café\.png: the locale cannot hold its name; set PYTHONUTF8=1"):
        check_name(Path(name))


def test_names_match_however_accents_are_written(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "café")
    files = touch(tmp_path, f"{apart}.png")
    assert list(files) == [unicodedata.normalize("NFC", "café")]
    (tmp_path / (unicodedata.normalize("NFC", "café") + ".jpg")).touch()
    with pytest.raises(UserError, match="have the same name; keep one of them"):
        by_stem(folder_images(tmp_path).images)


@pytest.mark.parametrize(
    ("stem", "there", "wanted"),
    [
        ("a", ["a.png", "a_ref.png"], ["a.png"]),
        ("a", ["a_ref.png", "a_1.png"], ["a_ref.png"]),
        ("a", ["a_10.png", "a_2.png", "ab_1.png"], ["a_2.png", "a_10.png"]),
        ("a", ["a/y.png", "a/x.png"], ["a/x.png", "a/y.png"]),
        ("001_0_HR", ["001_1.png", "001_2.png"], ["001_1.png", "001_2.png"]),
        ("001_0_LR", ["001_0.png", "001_1.png"], ["001_0.png"]),
        ("001_HR", ["001_HR.png", "001_LR.png", "001_ref.png"], ["001_ref.png"]),
        ("001_HR", ["001_HR.png"], ["001_HR.png"]),
        ("a", ["b.png"], []),
    ],
)
def test_references_by_name(tmp_path: Path, stem: str, there: list[str], wanted: list[str]) -> None:
    files = touch(tmp_path, *there)
    found = references_of(stem, files, tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == wanted
