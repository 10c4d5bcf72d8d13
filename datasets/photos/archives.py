"""Single files out of Debian packages (ar + tar) and Qt resource archives, without other tools."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Set
from pathlib import Path

from refbench.errors import UserError
from refbench.untrusted.archives import read_members

LARGEST_PHOTO = 256 << 20
"""Bytes that a packed file in a resource archive may unpack to."""


def deb_files(deb: Path, wanted: Set[str]) -> dict[str, bytes]:
    """The contents of ``wanted`` paths (no leading ``./``) in a .deb; absent ones are left out. UserError.

    A .deb is an ar archive: 60-byte headers, data padded to even length.
    """
    found: dict[str, bytes] = {}
    with deb.open("rb") as stream:
        if stream.read(8) != b"!<arch>\n":
            raise UserError(f"{deb}: is not a Debian package")
        while header := stream.read(60):
            length = header[48:58].strip()
            if len(header) < 60 or header[58:] != b"`\n" or not length.isdigit():
                raise UserError(f"{deb}: is damaged or incomplete")
            name, end = header[:16].decode("ascii", "replace").rstrip(" /"), stream.tell() + int(length)
            if name.startswith("data.tar"):
                found |= read_members(stream, wanted, f"{deb}: {name}")
            stream.seek(end + end % 2)
    return found


def rcc_file(archive: bytes, path: str) -> bytes:
    """The file at ``path`` (``/prefix/name``) of a Qt resource archive (``qres``, versions 1 to 3).

    The archive is a tree of fixed-size nodes; names are UTF-16, data may be zlib-packed after a 4-byte
    length. Raises KeyError when the path is not in it, ValueError for another format or a damaged one.
    """
    try:
        return _rcc_file(archive, path)
    except struct.error:
        raise ValueError("a damaged Qt resource archive") from None


def _rcc_file(archive: bytes, path: str) -> bytes:
    if archive[:4] != b"qres":
        raise ValueError("not a Qt resource archive")
    version, tree, data, names = struct.unpack(">IIII", archive[4:20])
    node_size = 14 if version < 2 else 22

    def node(index: int) -> tuple[str, int, int, int]:
        """Name, flags, and the two numbers that depend on the flags."""
        start = tree + index * node_size
        offset, flags = struct.unpack(">IH", archive[start : start + 6])
        length = struct.unpack(">H", archive[names + offset : names + offset + 2])[0]
        name = archive[names + offset + 6 : names + offset + 6 + 2 * length].decode("utf-16-be")
        first, second = struct.unpack(">II", archive[start + 6 : start + 14])
        return name, flags, first, second

    index, count, child = 0, *node(0)[2:]
    for part in path.strip("/").split("/"):
        index = next((i for i in range(child, child + count) if node(i)[0] == part), -1)
        if index < 0:
            raise KeyError(path)
        _, flags, count, child = node(index)
        if not flags & 2:
            count, offset = 0, child
    if flags & 2:
        raise KeyError(f"{path} is a folder")
    start = data + offset
    size = struct.unpack(">I", archive[start : start + 4])[0]
    content = archive[start + 4 : start + 4 + size]
    if flags & 4:
        raise ValueError(f"{path} is packed with zstd")
    return _inflated(content[4:], path) if flags & 1 else content


def _inflated(packed: bytes, path: str) -> bytes:
    """zlib data of a photo's size at most. Raises ValueError."""
    decoder = zlib.decompressobj()
    try:
        data = decoder.decompress(packed, LARGEST_PHOTO)
    except zlib.error as error:
        raise ValueError(f"{path} is damaged ({error})") from None
    if not decoder.eof:
        raise ValueError(f"{path} is cut off, or larger than {LARGEST_PHOTO >> 20} MiB")
    return data
