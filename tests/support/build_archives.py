"""Hostile zip and tar files, built here; each maker writes one file of at most a few megabytes."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

Maker = Callable[[Path], object]
PNG = b"\x89PNG\r\n\x1a\n"


def make_tar(path: Path, *members: tuple[str, bytes, dict[str, object]], mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))


def make_zip(path: Path, *members: tuple[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, kind)


def tar_of(name: str, **fields: object) -> Maker:
    return lambda path: make_tar(path, ("ok.png", PNG, {}), (name, b"", fields))


def zip_of(*names: str) -> Maker:
    return lambda path: make_zip(path, ("ok.png", PNG), *((name, PNG) for name in names))


def zip_link(path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc")
        archive.writestr("link/passwd", b"x")


def zip_bomb(path: Path) -> None:
    """24 MB of zeros in 24 kB."""
    make_zip(path, ("zeros", bytes(24 << 20)))


def zip_overlap(path: Path) -> None:
    """Two members of the table of contents share one stretch of data."""
    make_zip(path, ("a", bytes(range(256)) * 64), ("b", bytes(range(256)) * 64), kind=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    data[second + 46 : second + 47] = b"a"
    path.write_bytes(bytes(data))


def zip_overlap_count(path: Path) -> None:
    """Many entries of the table point at one large member: the sizes add up to more than the file has."""
    make_zip(path, *((chr(97 + i), b"x" * 4000) for i in range(8)), kind=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 20 : at + 28] = struct.pack("<II", 1 << 20, 1 << 20)
    path.write_bytes(bytes(data))


def zip_many(path: Path) -> None:
    """A table of contents that claims four billion members."""
    make_zip(path, ("a", b"x"))
    data = bytearray(path.read_bytes())
    end = data.find(b"PK\x05\x06")
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 32, 1 << 32, 1 << 38, 0)
    path.write_bytes(bytes(data[:end]) + wide + bytes(data[end:]))


def zip_encrypted(path: Path) -> None:
    make_zip(path, ("a", b"x"))
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))


def zip_nul(path: Path) -> None:
    make_zip(path, ("a.png?.exe", PNG))
    path.write_bytes(path.read_bytes().replace(b"a.png?.exe", b"a.png\0.exe"))


def zip_liar(path: Path) -> None:
    """The table of contents says 10 bytes, the data are 10,000."""
    make_zip(path, ("a", b"y" * 10_000))
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    path.write_bytes(bytes(data))


def _huge_member(path: Path, open_packed: Callable[[Path], io.BufferedIOBase], kind: bytes = b"0") -> None:
    """A member of 24 MB zeros, compressed a thousandfold."""
    info = tarfile.TarInfo("zeros")
    info.size, info.type = 24 << 20, kind
    with open_packed(path) as stream:
        stream.write(info.tobuf())
        for _ in range(24):
            stream.write(bytes(1 << 20))
        stream.write(bytes(1024))


def _gzip(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "wb")  # type: ignore[return-value]


def _xz(path: Path) -> io.BufferedIOBase:
    return lzma.open(path, "wb", preset=1)


def tar_many(path: Path) -> None:
    """Fifty empty folders; tests lower the limit."""
    make_tar(path, *((f"d{i}", b"", {"type": tarfile.DIRTYPE}) for i in range(50)), mode="w:gz")


def tar_long_header(path: Path) -> None:
    """A name of 9 MB: a parser that reads it whole takes as much memory as the archive likes."""
    info = tarfile.TarInfo("././@LongLink")
    info.size, info.type = 9 << 20, tarfile.GNUTYPE_LONGNAME
    with path.open("wb") as stream:
        stream.write(info.tobuf(tarfile.GNU_FORMAT))
        stream.write(b"a" * info.size)
        stream.write(tarfile.TarInfo("x").tobuf() + bytes(1024))


def tar_cut(path: Path) -> None:
    make_tar(path, ("a.png", bytes(range(256)) * 200, {}))
    path.write_bytes(path.read_bytes()[:20_000])


def tar_gz_cut(path: Path) -> None:
    make_tar(path, ("a.png", bytes(range(256)) * 200, {}), mode="w:gz")
    path.write_bytes(path.read_bytes()[:-30])


def tar_damaged(path: Path) -> None:
    """The second header is damaged; tarfile alone takes it for the end and drops the rest."""
    make_tar(path, ("a", b"x", {}), ("b", b"y", {}), ("c", b"z", {}))
    data = bytearray(path.read_bytes())
    data[1024 + 150] ^= 0xFF
    path.write_bytes(bytes(data))


def tar_unicode_forms(path: Path) -> None:
    make_tar(path, ("caf\u00e9", b"", {}), ("cafe\u0301", b"", {}))


def zip_cut(path: Path) -> None:
    make_zip(path, ("a", b"x" * 999))
    path.write_bytes(path.read_bytes()[:-30])


HOSTILE: dict[str, tuple[Maker, str]] = {
    "tar-up": (tar_of("../escaped.png"), r"leads out of its folder: \.\./escaped\.png"),
    "tar-up-within": (tar_of("a/../../escaped.png"), "leads out of its folder"),
    "tar-absolute": (tar_of("/tmp/escaped.png"), "an absolute path"),
    "tar-link": (tar_of("link", type=tarfile.SYMTYPE, linkname="/etc"), "a symbolic link: link"),
    "tar-hard-link": (tar_of("link", type=tarfile.LNKTYPE, linkname="ok.png"), "a hard link: link"),
    "tar-device": (tar_of("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "a device: null"),
    "tar-block-device": (tar_of("sda", type=tarfile.BLKTYPE), "a device: sda"),
    "tar-pipe": (tar_of("pipe", type=tarfile.FIFOTYPE), "a named pipe: pipe"),
    "tar-twice": (tar_of("ok.png"), r"has ok\.png twice"),
    "tar-case": (tar_of("OK.png"), "one file on some systems"),
    "tar-unicode-forms": (tar_unicode_forms, "one file on some systems"),
    "tar-file-and-folder": (tar_of("ok.png/inside"), "both as a file and as a folder"),
    "tar-escape-sequence": (tar_of("a\x1b[2Jb"), "control characters"),
    "tar-newline": (tar_of("a\nb"), "control characters"),
    "tar-not-utf8": (tar_of("a\udcffb"), "control characters"),
    "tar-deep": (tar_of("/".join("d" * 40)), "too long a path"),
    "tar-long": (tar_of("n" * 300), "too long a name"),
    "tar-bomb-gz": (lambda path: _huge_member(path, _gzip), "a decompression bomb"),
    "tar-bomb-xz": (lambda path: _huge_member(path, _xz), "a decompression bomb"),
    "tar-bomb-in-header": (
        lambda path: _huge_member(path, _gzip, tarfile.GNUTYPE_LONGNAME), "header that is larger"),
    "tar-long-header": (tar_long_header, "header that is larger"),
    "tar-cut": (tar_cut, "cut off|damaged"),
    "tar-gz-cut": (tar_gz_cut, "cut off|damaged"),
    "tar-damaged": (tar_damaged, "damaged or cut off"),
    "zip-up": (zip_of("../escaped.png"), "leads out of its folder"),
    "zip-absolute": (zip_of("/tmp/escaped.png"), "an absolute path"),
    "zip-drive": (zip_of("C:/escaped.png"), "an absolute path"),
    "zip-backslash": (zip_of("..\\escaped.png"), "a backslash"),
    "zip-nul": (zip_nul, "without a proper name"),
    "zip-link": (zip_link, "a symbolic link: link"),
    "zip-case": (zip_of("Ref/1.png", "ref/1.png"), "one file on some systems"),
    "zip-twice": (zip_of("ok.png"), r"has ok\.png twice"),
    "zip-bomb": (zip_bomb, "a decompression bomb"),
    "zip-overlap": (zip_overlap, "damaged|twice"),
    "zip-overlap-count": (zip_overlap_count, "a decompression bomb: its members overlap"),
    "zip-many": (zip_many, "more than 200000 members"),
    "zip-encrypted": (zip_encrypted, "is encrypted"),
    "zip-liar": (zip_liar, "damaged|holds more"),
    "zip-cut": (zip_cut, "cut off"),
    "text": (lambda path: path.write_text("<html>quota exceeded</html>"), "not a zip or tar archive"),
    "empty": (lambda path: path.write_bytes(b""), "not a zip or tar archive"),
    "gzip-of-text": (lambda path: path.write_bytes(gzip.compress(b"hello " * 300)), "not a zip or tar"),
    "empty-zip": (lambda path: make_zip(path), "holds no files"),
}  # fmt: skip
"""Name -> (maker, what the refusal says)."""
