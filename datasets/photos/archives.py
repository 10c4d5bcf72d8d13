"""Single files out of Debian packages (ar + tar) and Qt resource archives, without other tools."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Iterator, Set
from pathlib import Path

from refbench.errors import UserError


def deb_files(deb: Path, wanted: Set[str]) -> dict[str, bytes]:
    """The contents of ``wanted`` paths (no leading ``./``) in a .deb; absent ones are left out."""
    found: dict[str, bytes] = {}
    for name, data in _ar_members(deb):
        if not name.startswith("data.tar"):
            continue
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                for member in archive:
                    path = member.name.removeprefix("./")
                    stream = archive.extractfile(member) if path in wanted and member.isfile() else None
                    if stream is not None:
                        found[path] = stream.read()
        except tarfile.TarError as error:
            raise UserError(f"{deb}: cannot unpack {name} ({error})") from error
    return found


def _ar_members(deb: Path) -> Iterator[tuple[str, bytes]]:
    """Members of an ar archive: 60-byte headers, data padded to even length."""
    with deb.open("rb") as stream:
        if stream.read(8) != b"!<arch>\n":
            raise UserError(f"{deb}: is not a Debian package")
        while header := stream.read(60):
            if len(header) < 60 or header[58:] != b"`\n":
                raise UserError(f"{deb}: is damaged or incomplete")
            size = int(header[48:58])
            yield header[:16].decode("ascii").rstrip(" /"), stream.read(size)
            stream.seek(size % 2, io.SEEK_CUR)


def rcc_file(archive: bytes, path: str) -> bytes:
    """The file at ``path`` (``/prefix/name``) of a Qt resource archive (``qres``, versions 1 to 3).

    The archive is a tree of fixed-size nodes; names are UTF-16, data may be zlib-packed after a 4-byte
    length. Raises KeyError when the path is not in it, ValueError for another format.
    """
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
    return zlib.decompress(content[4:]) if flags & 1 else content
