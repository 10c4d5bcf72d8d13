"""The members of a zip or tar file, one after the other: the standard library's readers, within limits.

Stricter than ``tarfile``'s data filter: links of any kind are refused, and owners, modes and times are
dropped, because members are copied into new files and never extracted by the library.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Self

from refbench.untrusted.archives.limits import Limits, Refused

HEADER_BYTES = 4 << 20
"""What the headers of one tar member may take; long names and attributes are kilobytes."""
LARGEST_DIRECTORY = 64 << 20
"""Bytes of a zip file's table of members, which is read whole."""
NEITHER = "is not a zip or tar archive, or is"

# zlib.error and the like: damaged; NotImplementedError: unknown compression; RuntimeError: a password
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, struct.error,
    EOFError, ValueError, NotImplementedError, RuntimeError,
)  # fmt: skip
_MAGIC: tuple[tuple[bytes, Callable[[BinaryIO], io.BufferedIOBase]], ...] = (
    (b"\x1f\x8b", lambda source: gzip.GzipFile(fileobj=source)),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"BZh", bz2.BZ2File),
)


@dataclass(frozen=True)
class Member:
    """One member. ``stream`` is read before the next member is asked for."""

    name: str
    size: int = 0
    stream: IO[bytes] | None = None
    """Of a file; None for a folder and what is refused."""
    refused: str = ""
    """``a symbolic link``, ``a device``: what is not unpacked."""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes of a file, none at its end. Raises Refused for damaged data."""
        assert self.stream is not None
        try:
            return self.stream.read(size)
        except DAMAGE as error:
            raise Refused(f"is damaged within {ascii(self.name)[1:-1][:80]} ({error})") from None


def members(path: Path, limits: Limits) -> Iterator[Member]:
    """The members of the archive at ``path``, told by its content. Raises Refused, OSError."""
    with path.open("rb") as source:
        reader = zip_members if source.read(2) == b"PK" else tar_members
        source.seek(0)
        try:
            yield from reader(source, limits)
        except DAMAGE as error:
            raise Refused(f"{NEITHER} damaged ({error})") from None


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of a file from its position on; detects decompression bombs while reading."""

    def __init__(self, source: BinaryIO, limits: Limits) -> None:
        self._source, self._limits, self._start, self._total = source, limits, source.tell(), 0
        head = source.read(6)
        source.seek(self._start)
        opened = next((make for magic, make in _MAGIC if head.startswith(magic)), None)
        self._inner: BinaryIO | io.BufferedIOBase = source if opened is None else opened(source)
        self.budget: int | None = None
        """Bytes that may still be read; None: any number. Bounds what a parser of headers takes at once."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._inner.read(min(len(buffer), 1 << 16))
        buffer[: len(data)] = data
        self._total += len(data)
        self._limits.check_size(self._total, self._source.tell() - self._start)
        if self.budget is not None:
            self.budget -= len(data)
            if self.budget < 0:
                raise Refused("has a header that is larger than any name needs")
        return len(data)


def tar_members(source: BinaryIO, limits: Limits) -> Iterator[Member]:
    """The members of a tar file, plain or packed with gzip, xz or bzip2. Raises Refused and DAMAGE."""
    unpacked = _Unpacked(source, limits)
    # the first header is parsed while the archive is opened
    unpacked.budget = HEADER_BYTES
    ended: list[str] = []

    class Header(tarfile.TarInfo):
        """Tells how the archive ended: tarfile takes a damaged header for the end."""

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            try:
                return super().frombuf(buf, encoding, errors)
            except tarfile.HeaderError as error:
                ended.append(type(error).__name__)
                raise

    count = 0
    # `r|` reads forward only, and in small pieces
    with tarfile.open(fileobj=io.BufferedReader(unpacked), mode="r|", tarinfo=Header) as archive:
        while (info := archive.next()) is not None:
            unpacked.budget = None
            count += 1
            limits.check_count(count)
            member = _tar_member(archive, info)
            yield member
            while member.stream is not None and member.read(1 << 16):
                pass  # the parser of the next header then has nothing to skip
            archive.members = []  # type: ignore[attr-defined]
            unpacked.budget = HEADER_BYTES
        # a packed stream that is cut off says so at its end
        unpacked.budget = None
        while unpacked.read(1 << 16):
            pass
    if count == 0:
        raise Refused(f"{NEITHER} empty")
    if ended[-1:] != ["EOFHeaderError"]:
        raise Refused("is damaged or cut off")


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    kinds = {
        tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link", tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a named pipe",
        tarfile.GNUTYPE_SPARSE: "a sparse file",
    }  # fmt: skip
    if info.isdir():
        return Member(info.name)
    if info.type in kinds or info.issparse() or not info.isreg():
        return Member(info.name, refused=kinds.get(info.type, "of unknown kind"))
    return Member(info.name, info.size, archive.extractfile(info))


def zip_members(source: BinaryIO, limits: Limits) -> Iterator[Member]:
    """The members of a zip file. Raises Refused, before the first one for a bomb, and DAMAGE."""
    size = source.seek(0, io.SEEK_END)
    _check_directory(source, size, limits)
    with zipfile.ZipFile(source) as archive:
        infos = archive.infolist()
        limits.check_count(len(infos))
        if sum(info.compress_size for info in infos) > size:
            raise Refused("is a decompression bomb: its members overlap")
        limits.check_size(sum(info.file_size for info in infos), size)
        for info in infos:
            mode, name = info.external_attr >> 16, info.orig_filename
            if info.flag_bits & 0x1:
                raise Refused(f"is encrypted ({ascii(name)[1:-1][:80]})")
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                yield Member(name, refused="a symbolic link" if stat.S_ISLNK(mode) else "a device or pipe")
            elif info.is_dir():
                yield Member(name)
            else:
                with archive.open(info) as stream:
                    yield Member(name, info.file_size, stream)


def _check_directory(source: BinaryIO, size: int, limits: Limits) -> None:
    """Look at the announced table of members before zipfile reads it into memory."""
    source.seek(max(0, size - 65_557))
    tail = source.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise Refused(f"{NEITHER} cut off")
    count, length = struct.unpack("<HI", tail[at + 10 : at + 16])
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) >= wide + 48:
        count, length = struct.unpack("<QQ", tail[wide + 32 : wide + 48])
    limits.check_count(count if length <= LARGEST_DIRECTORY else limits.files + 1)
    source.seek(0)
