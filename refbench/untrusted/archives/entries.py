"""The members of a zip or tar file, one after the other, as plain records."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Literal, Self

from refbench.untrusted.archives.decompress import Decompressed
from refbench.untrusted.archives.limits import Count, Limits, Refused, check_size

HEADER_BYTES = 4 << 20
"""What the headers of one tar member may take; long names and attributes are kilobytes."""
LARGEST_DIRECTORY = 64 << 20
"""Bytes of a zip file's table of members, which is read whole."""

# zlib.error and the like: damaged; NotImplementedError: unknown compression; RuntimeError: a password
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One member. ``stream`` is read before the next member is asked for."""

    name: str
    kind: Literal["file", "folder", "other"]
    what: str
    """For ``other``: a symbolic link, a device, ..."""
    size: int
    stream: IO[bytes] | None

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes of a file, none at its end. Raises Refused for damaged data."""
        assert self.stream is not None
        try:
            return self.stream.read(size)
        except DAMAGE as error:
            raise Refused(f"is damaged within {ascii(self.name)[1:-1][:80]} ({error})") from None


def entries(path: Path, limits: Limits) -> Iterator[Entry]:
    """The members of the archive at ``path``, told by its content. Raises Refused, OSError."""
    with path.open("rb") as source:
        if source.read(4)[:2] == b"PK":
            source.seek(0)
            yield from zip_entries(source, path.stat().st_size, limits)
        else:
            source.seek(0)
            yield from tar_entries(source, limits)


def tar_entries(source: BinaryIO, limits: Limits) -> Iterator[Entry]:
    """The members of a tar file, plain or compressed with gzip, xz or bzip2. Raises Refused."""
    unpacked = Decompressed(source, limits)
    # the first header is parsed while the archive is opened
    unpacked.budget = HEADER_BYTES
    count = Count(limits)
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

    try:
        # `r|` reads forward only, and in small pieces
        with tarfile.open(fileobj=io.BufferedReader(unpacked), mode="r|", tarinfo=Header) as archive:
            while True:
                unpacked.budget = HEADER_BYTES
                member = archive.next()
                if member is None:
                    break
                unpacked.budget = None
                count.member()
                yield _tar_entry(archive, member)
                # the parser of the next header then has nothing to skip
                _drain(archive, member)
                archive.members = []  # type: ignore[attr-defined]
            # a compressed stream that is cut off says so at its end
            unpacked.budget = None
            while unpacked.read(1 << 16):
                pass
    except Refused:
        raise
    except DAMAGE as error:
        raise Refused(f"is no zip or tar archive, or is damaged ({error})") from None
    if count.files == 0:
        raise Refused("is no zip or tar archive, or is empty")
    if ended[-1:] != ["EOFHeaderError"]:
        raise Refused("is damaged or cut off")


def _tar_entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    kinds = {
        tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link", tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a named pipe",
    }  # fmt: skip
    if member.isdir():
        return Entry(member.name, "folder", "", 0, None)
    if member.issparse():
        return Entry(member.name, "other", "a sparse file", member.size, None)
    if member.isreg():
        return Entry(member.name, "file", "", member.size, archive.extractfile(member))
    return Entry(member.name, "other", kinds.get(member.type, "of unknown kind"), 0, None)


def _drain(archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    assert archive.fileobj is not None
    left = archive.offset - archive.fileobj.tell()
    while left > 0:
        piece = archive.fileobj.read(min(left, 1 << 16))
        if not piece:
            raise Refused("is cut off")
        left -= len(piece)


def zip_entries(source: BinaryIO, size: int, limits: Limits) -> Iterator[Entry]:
    """The members of a zip file of ``size`` bytes. Raises Refused before the first one for a bomb."""
    _check_directory(source, size, limits)
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
            if len(members) > limits.files:
                raise Refused(f"has more than {limits.files} members")
            packed = sum(member.compress_size for member in members)
            if packed > size:
                raise Refused("is a decompression bomb: its members overlap")
            check_size(sum(member.file_size for member in members), size, limits)
            for member in members:
                yield from _zip_entry(archive, member)
    except Refused:
        raise
    except DAMAGE as error:
        raise Refused(f"is no zip or tar archive, or is damaged ({error})") from None


def _zip_entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[Entry]:
    mode = member.external_attr >> 16
    name = member.orig_filename
    if member.flag_bits & 0x1:
        raise Refused(f"is encrypted ({ascii(name)[1:-1][:80]})")
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "a device or pipe"
        yield Entry(name, "other", what, member.file_size, None)
    elif member.is_dir():
        yield Entry(name, "folder", "", 0, None)
    else:
        with archive.open(member) as stream:
            yield Entry(name, "file", "", member.file_size, stream)


def _check_directory(source: BinaryIO, size: int, limits: Limits) -> None:
    """Look at the announced table of members before it is read into memory."""
    source.seek(max(0, size - 65_557))
    tail = source.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise Refused("is no zip or tar archive, or is cut off")
    count, length = struct.unpack("<HI", tail[at + 10 : at + 16])
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) >= wide + 48:
        count, length = struct.unpack("<QQ", tail[wide + 32 : wide + 48])
    if count > limits.files or length > LARGEST_DIRECTORY:
        raise Refused(f"has more than {limits.files} members")
    source.seek(0)
