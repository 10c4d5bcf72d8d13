"""Debian packages and Qt resource archives, built here byte by byte."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from pathlib import Path

import pytest

from refbench.datasets.photos.archives import deb_files, rcc_file
from refbench.errors import UserError


def _ar(members: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in members.items():
        head = f"{name + '/':<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}".encode()
        out += head + b"`\n" + data + b"\n" * (len(data) % 2)
    return out


def _tar(files: dict[str, bytes], mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["xz", "gz"])
def test_wanted_files_come_out_of_a_deb(tmp_path: Path, kind: str) -> None:
    deb = tmp_path / "p_1_all.deb"
    data = _tar({"./usr/share/a.jpg": b"AAA", "./usr/share/b.jpg": b"B"}, f"w:{kind}")
    deb.write_bytes(_ar({"debian-binary": b"2.0\n", "control.tar.xz": b"x", f"data.tar.{kind}": data}))
    assert deb_files(deb, {"usr/share/a.jpg", "usr/share/none.jpg"}) == {"usr/share/a.jpg": b"AAA"}


def test_damaged_debs_are_user_errors(tmp_path: Path) -> None:
    deb = tmp_path / "p.deb"
    deb.write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match=r"p\.deb: is not a Debian package"):
        deb_files(deb, {"a"})
    deb.write_bytes(_ar({"debian-binary": b"2.0\n", "data.tar.xz": b"garbage"}))
    with pytest.raises(UserError, match=r"p\.deb: data\.tar\.xz: refused, it is not a zip or tar"):
        deb_files(deb, {"a"})
    deb.write_bytes(_ar({"debian-binary": b"2.0\n"}) + b"cut off")
    with pytest.raises(UserError, match=r"p\.deb: is damaged or incomplete"):
        deb_files(deb, {"a"})


def _rcc(version: int) -> bytes:
    """/pics/a.webp (plain) and /pics/b.txt (zlib) in a tree of root -> pics -> a, b."""
    names, offsets = b"", []
    for name in ("pics", "a.webp", "b.txt"):
        offsets.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    plain, text = b"image bytes", b"text " * 20
    packed = struct.pack(">I", len(text)) + zlib.compress(text)
    data = struct.pack(">I", len(plain)) + plain + struct.pack(">I", len(packed)) + packed
    stamp = b"\0" * 8 if version >= 2 else b""
    nodes = [
        struct.pack(">IHII", 0, 2, 1, 1),
        struct.pack(">IHII", offsets[0], 2, 2, 2),
        struct.pack(">IHII", offsets[1], 0, 0, 0),
        struct.pack(">IHII", offsets[2], 1, 0, 4 + len(plain)),
    ]
    tree = b"".join(node + stamp for node in nodes)
    start = 24 if version >= 3 else 20
    head = b"qres" + struct.pack(">IIII", version, start, start + len(tree), start + len(tree) + len(data))
    return head + (b"\0" * 4 if version >= 3 else b"") + tree + data + names


@pytest.mark.parametrize("version", [1, 2, 3])
def test_files_come_out_of_a_qt_resource_archive(version: int) -> None:
    archive = _rcc(version)
    assert rcc_file(archive, "/pics/a.webp") == b"image bytes"
    assert rcc_file(archive, "pics/b.txt") == b"text " * 20


@pytest.mark.parametrize("path", ["/pics/c.webp", "/pics", "/pics/a.webp/x", "/other/a.webp"])
def test_paths_that_are_not_files_in_it(path: str) -> None:
    with pytest.raises(KeyError):
        rcc_file(_rcc(1), path)


def test_other_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="not a Qt resource archive"):
        rcc_file(b"PK\x03\x04" + b"\0" * 40, "a")
