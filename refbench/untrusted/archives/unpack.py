"""A whole archive into a new folder, or a few members into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Set
from pathlib import Path
from typing import BinaryIO

from refbench.errors import UserError
from refbench.untrusted.archives.entries import Entry, entries, tar_entries
from refbench.untrusted.archives.limits import Limits, Refused
from refbench.untrusted.archives.names import Places, relative_name

PIECE = 1 << 20


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> int:
    """Unpack a zip or tar file (plain, gzip, xz, bzip2) into ``folder``; returns the number of files.

    ``folder`` must not exist or be empty; it appears when everything is in it, with ordinary permissions
    whatever the archive says. UserError, one line, and nothing left behind: a member that leads out of the
    folder, a link, a device, a name that two members share or that differ in case only, more members or
    bytes than ``limits``, a damaged or encrypted archive, a full disk.
    """
    bounds = limits if limits is not None else Limits()
    target = folder.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{folder}: is there already and not empty; give a new folder to unpack into")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=target.parent) as scratch:
            place = Path(scratch) / "content"
            place.mkdir()
            count = _write_all(archive, place, bounds)
            if target.exists():
                target.rmdir()
            place.rename(target)
        return count
    except Refused as refused:
        raise UserError(f"{archive}: refused, it {refused}; nothing was unpacked") from None
    except OSError as error:
        where = (
            error.filename if isinstance(error.filename, str) and ".unpack-" not in error.filename else folder
        )
        raise UserError(f"{where}: {error.strerror or error}; nothing was unpacked") from None


def read_members(
    source: BinaryIO, wanted: Set[str], where: str, limits: Limits | None = None
) -> dict[str, bytes]:
    """The files of a tar stream whose paths (without ``./``) are ``wanted``; absent ones are left out.

    Links and devices among the others are passed over: nothing is written. Raises UserError.
    """
    found: dict[str, bytes] = {}
    try:
        for entry in tar_entries(source, limits if limits is not None else Limits()):
            name = entry.name.removeprefix("./")
            if entry.stream is not None and name in wanted:
                found[name] = entry.read(entry.size)
    except (Refused, OSError) as refused:
        raise UserError(f"{where}: refused, it {refused}") from None
    return found


def _write_all(archive: Path, place: Path, limits: Limits) -> int:
    places = Places()
    files = 0
    for entry in entries(archive, limits):
        if entry.kind == "other":
            raise Refused(f"has {entry.what}: {ascii(entry.name)[1:-1][:80]}")
        path = relative_name(entry.name)
        if not path.parts:
            continue
        places.take(path, entry.kind == "folder")
        if entry.kind == "folder":
            (place / path).mkdir(parents=True, exist_ok=True)
            continue
        _write(place / path, entry)
        files += 1
    if not files:
        raise Refused("holds no files")
    return files


def _write(path: Path, entry: Entry) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    left = entry.size
    # a new file in every case: never through something that is there
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as out:
        while left > 0:
            piece = entry.read(min(PIECE, left))
            if not piece:
                raise Refused(f"is cut off within {ascii(entry.name)[1:-1][:80]}")
            out.write(piece)
            left -= len(piece)
        if entry.read(1):
            raise Refused(f"holds more of {ascii(entry.name)[1:-1][:80]} than it says")
