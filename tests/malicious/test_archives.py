"""Archives: what is hostile is refused in one line with nothing left behind, what is not comes out whole."""

from __future__ import annotations

import io
import lzma
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import build_archives as build
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refbench.errors import UserError
from refbench.untrusted.archives import Limits, read_members, unpack
from refbench.untrusted.archives.limits import Refused
from refbench.untrusted.archives.names import relative_name


@pytest.mark.parametrize("name", build.HOSTILE)
def test_what_is_hostile_is_refused_and_leaves_nothing(name: str, outside: Path, little_growth: None) -> None:
    make, says = build.HOSTILE[name]
    archive = outside / "data"
    make(archive)
    with pytest.raises(UserError, match=f"refused, it .*({says})") as caught:
        unpack(archive, outside / "out")
    text = str(caught.value)
    assert "\n" not in text
    assert text.isprintable()
    assert len(text) < len(str(outside)) + 300
    assert [p.name for p in outside.iterdir()] == ["data"]


GOOD = {"input/001.png": b"a" * 3000, "ref/001_ref.png": bytes(range(256)) * 70, "café/ß.txt": b"", "x": b"1"}


@pytest.mark.parametrize("kind", ["w", "w:gz", "w:xz", "w:bz2", "zip", "zip-stored", "zip-bz2"])
def test_what_is_not_comes_out_whole(kind: str, tmp_path: Path) -> None:
    archive = tmp_path / "data.bin"
    if kind.startswith("w"):
        # permissions, owners and folders of the archive are its own matter
        fields: dict[str, Any] = {"mode": 0o6777, "uid": 0}
        folder = ("./input/", b"", {"type": tarfile.DIRTYPE})
        build.make_tar(archive, folder, *((f"./{n}", d, fields) for n, d in GOOD.items()), mode=kind)
    else:
        how = {"zip": zipfile.ZIP_DEFLATED, "zip-stored": zipfile.ZIP_STORED, "zip-bz2": zipfile.ZIP_BZIP2}[
            kind
        ]
        build.make_zip(archive, ("input/", b""), *GOOD.items(), kind=how)
    out = tmp_path / "new" / "out"
    assert unpack(archive, out) == len(GOOD)
    found = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert found == GOOD
    assert all(p.stat().st_mode & 0o7000 == 0 for p in out.rglob("*"))
    assert [p.name for p in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["tar-many", "zip"])
def test_the_number_of_members_is_bounded(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "a"
    if name == "zip":
        build.make_zip(archive, *((f"{i}", b"x") for i in range(50)))
    else:
        build.tar_many(archive)
    with pytest.raises(UserError, match="has more than 40 members"):
        unpack(archive, tmp_path / "out", Limits(files=40))


@pytest.mark.parametrize("kind", ["w:gz", "zip"])
def test_the_unpacked_size_is_bounded(kind: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 400
    archive = tmp_path / "a"
    if kind == "zip":
        build.make_zip(archive, ("a", data), ("b", data))
    else:
        build.make_tar(archive, ("a", data, {}), ("b", data, {}), mode=kind)
    with pytest.raises(UserError, match="unpacks to more than"):
        unpack(archive, tmp_path / "out", Limits(total=150_000))


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    build.make_zip(tmp_path / "a.zip", ("a", b"x"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(UserError, match="is there already and not empty"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "mine"
    with pytest.raises(UserError, match=r"none\.zip: No such file"):
        unpack(tmp_path / "none.zip", tmp_path / "other")


def test_wanted_members_are_read_past_links(tmp_path: Path) -> None:
    link = ("usr/share/link", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})
    build.make_tar(tmp_path / "a", link, ("./usr/a.jpg", b"AAA", {}), ("usr/b.jpg", b"B", {}), mode="w:xz")
    with (tmp_path / "a").open("rb") as stream:
        assert read_members(stream, {"usr/a.jpg", "usr/share/link", "none"}, "a") == {"usr/a.jpg": b"AAA"}


@given(st.text(max_size=60))
def test_an_accepted_name_stays_below_the_folder(name: str) -> None:
    try:
        path = relative_name(name)
    except Refused:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert (Path("/root/of/data") / path).resolve().is_relative_to("/root/of/data")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(["w", "w:gz", "w:xz", "zip"]))
def test_any_damage_is_a_refusal_or_the_same_files(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    """Flipped and cut bytes: never another exception, never a file outside."""
    archive = tmp_path / "a"
    if kind == "zip":
        build.make_zip(archive, *GOOD.items())
    else:
        build.make_tar(archive, *((n, d, {}) for n, d in GOOD.items()), mode=kind)
    whole = bytearray(archive.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[at:]
    else:
        whole[at] ^= data.draw(st.integers(1, 255))
    archive.write_bytes(bytes(whole))
    place = tmp_path / "place"
    place.mkdir(exist_ok=True)
    refusal = ""
    try:
        unpack(archive, place / "out")
    except UserError as error:
        refusal = str(error)
    assert "\n" not in refusal
    if refusal:
        assert list(place.iterdir()) == []
        return
    for path in sorted((place / "out").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (place / "out").rmdir()
    assert {p.name for p in tmp_path.iterdir()} == {"a", "place"}


def test_reading_members_of_garbage_is_one_line() -> None:
    with pytest.raises(UserError, match="x: refused, it is not a zip or tar archive"):
        read_members(io.BytesIO(b"garbage" * 200), {"a"}, "x")


@pytest.mark.parametrize("block", [1, 1 << 16, 1 << 20])
@pytest.mark.parametrize("check", [lzma.CHECK_CRC32, lzma.CHECK_SHA256])
def test_a_large_xz_of_many_blocks_and_streams_comes_out_whole(
    tmp_path: Path, block: int, check: int
) -> None:
    """liblzma may take input, give nothing, only then want more: photos were called cut off."""
    rng = random.Random(block + check)
    photos = {f"usr/{n}.jpg": rng.randbytes(700_000) + bytes(rng.randrange(300_000)) for n in range(4)}
    build.make_tar(tmp_path / "tar", *((f"./{name}", data, {}) for name, data in photos.items()))
    tar = (tmp_path / "tar").read_bytes()
    cut = len(tar) // 3
    packed = b"".join(lzma.compress(part, check=check, preset=0) for part in (tar[:cut], tar[cut:]))
    with open(tmp_path / "data.tar.xz", "wb+") as stream:
        stream.write(b"x" * block + packed)
        stream.seek(block)
        assert read_members(stream, set(photos), "data.tar.xz") == photos
    (tmp_path / "whole").write_bytes(packed)
    assert unpack(tmp_path / "whole", tmp_path / "out") == len(photos)
