"""A whole archive into a new folder, or a few members into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Set
from pathlib import Path
from typing import BinaryIO

from refbench.errors import UserError
from refbench.untrusted.archives.limits import Limits, Refused
from refbench.untrusted.archives.members import DAMAGE, NEITHER, Member, members, tar_members
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

    ``source`` is read from its position on. Links and devices among the others are passed over: nothing is
    written. Raises UserError.
    """
    found: dict[str, bytes] = {}
    try:
        for member in tar_members(source, limits if limits is not None else Limits()):
            name = member.name.removeprefix("./")
            if member.stream is not None and name in wanted:
                found[name] = member.read(member.size)
    except Refused as refused:
        raise UserError(f"{where}: refused, it {refused}") from None
    except (*DAMAGE, OSError) as error:
        raise UserError(f"{where}: refused, it {NEITHER} damaged ({error})") from None
    return found


def _write_all(archive: Path, place: Path, limits: Limits) -> int:
    places = Places()
    files = 0
    for member in members(archive, limits):
        if member.refused:
            raise Refused(f"has {member.refused}: {ascii(member.name)[1:-1][:80]}")
        path = relative_name(member.name)
        if not path.parts:
            continue
        places.take(path, member.stream is None)
        if member.stream is None:
            (place / path).mkdir(parents=True, exist_ok=True)
            continue
        _write(place / path, member)
        files += 1
    if not files:
        raise Refused("holds no files")
    return files


def _write(path: Path, member: Member) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    # a new file in every case: never through something that is there
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as out:
        while left > 0:
            piece = member.read(min(PIECE, left))
            if not piece:
                raise Refused(f"is cut off within {ascii(member.name)[1:-1][:80]}")
            out.write(piece)
            left -= len(piece)
        if member.read(1):
            raise Refused(f"holds more of {ascii(member.name)[1:-1][:80]} than it says")
