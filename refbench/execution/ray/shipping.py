"""Sending files to the nodes of a cluster: bounded, in pieces, unpacked once a node and run.

The pieces are objects in Ray's store, which moves them from node to node and spills to disk what does not
fit in memory. Names are made here and are never absolute; an unpacked copy lies in a folder that only its
user can read, and goes with the run.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from refbench.errors import UserError
from refbench.execution.elsewhere import Needed
from refbench.files.locks import exclusive

PIECE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ShippedFile:
    """A file in the stream of all pieces."""

    name: str
    """``0/input/a.png``: below the parcel's folder."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Parcel:
    """What is sent."""

    id: str
    """Names its folder on the nodes; another one for each run."""
    tops: tuple[tuple[str, str], ...]
    """(absolute path here, name below the parcel's folder) of each folder or file that was asked for."""
    files: tuple[ShippedFile, ...]
    pieces: tuple[Any, ...]
    """References to Ray objects: the contents of ``files``, one after the other, cut evenly."""

    def place(self, folder: Path) -> Callable[[str], str]:
        """From a path on the sender's machine to that of its copy below ``folder``."""

        def find(text: str) -> str:
            path = Path(text)
            for top, name in self.tops:
                if path.is_relative_to(top):
                    return str(folder / name / path.relative_to(top))
            raise UserError(f"{text} is not among the files that were sent")

        return find


def pack(parcel_id: str, needed: Sequence[Needed], limit: int, put: Callable[[bytes], Any]) -> Parcel:
    """Send what is ``needed``. UserError when it is more than ``limit`` bytes or cannot be read.

    put: stores one piece and gives the reference to it.
    """
    tops: list[tuple[str, str]] = []
    sources: list[tuple[Path, ShippedFile]] = []
    total = 0
    for item in needed:
        top = Path(item.path).parent if item.neighbours else Path(item.path)
        if any(top.is_relative_to(known) for known, _ in tops):
            continue
        name = str(len(tops))
        tops.append((str(top), name))
        for path, relative in _walk(top):
            size = path.stat().st_size
            total += size
            if total > limit:
                raise UserError(
                    f"{item.key}={item.path}: more than executor.ship_limit={limit / 2**30:g} GiB to send; "
                    "raise it, or put the data where every node sees it and leave executor.ship out"
                )
            full = f"{name}/{relative}" if relative else name
            sources.append((path, ShippedFile(full, size)))
    pieces = tuple(put(piece) for piece in _pieces(sources))
    return Parcel(parcel_id, tuple(tops), tuple(file for _, file in sources), pieces)


def run_folder(parcel_id: str) -> Path:
    """The folder of one run's files on this node, made for this user alone. Raises UserError."""
    folder = Path(tempfile.gettempdir()) / f"refbench-{parcel_id}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError(f"{folder}: belongs to somebody else; remove it")
    return folder


def unpack(parcel: Parcel, get: Callable[[Any], bytes]) -> Path:
    """The folder with the files of ``parcel``; whichever worker of this node comes first writes them."""
    folder = run_folder(parcel.id)
    whole = folder / "data"
    with exclusive(folder / "lock"):
        if not whole.exists():
            part = folder / "part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            _write(parcel, part, get)
            part.rename(whole)
    return whole


def remove(parcel_id: str) -> None:
    """Take this run's files from this node; nothing is said when there are none."""
    shutil.rmtree(run_folder(parcel_id), ignore_errors=True)


def _walk(top: Path) -> Iterator[tuple[Path, str]]:
    """(file, its name below ``top``), links followed, each folder once."""
    if top.is_file():
        yield top, ""
        return
    seen: set[str] = set()
    for place, folders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(files):
            path = Path(place, name)
            if path.is_file():
                yield path, path.relative_to(top).as_posix()


def _pieces(sources: Sequence[tuple[Path, ShippedFile]]) -> Iterator[bytes]:
    """The contents of all files, one after the other, in pieces of even size."""
    buffer = bytearray()
    for path, file in sources:
        left = file.size
        try:
            with path.open("rb") as stream:
                while left:
                    block = stream.read(min(left, PIECE_BYTES - len(buffer)))
                    if not block:
                        raise UserError(f"{path}: it became shorter while it was sent; run again")
                    left -= len(block)
                    buffer += block
                    if len(buffer) == PIECE_BYTES:
                        yield bytes(buffer)
                        buffer.clear()
        except OSError as error:
            raise UserError(f"{path}: cannot be sent: {error.strerror}") from error
    if buffer:
        yield bytes(buffer)


def _write(parcel: Parcel, folder: Path, get: Callable[[Any], bytes]) -> None:
    waiting = iter(parcel.pieces)
    piece = memoryview(b"")
    for file in parcel.files:
        if ".." in PurePosixPath(file.name).parts or PurePosixPath(file.name).is_absolute():
            raise UserError(f"{file.name}: leads out of the folder of the files that were sent")
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        left = file.size
        with target.open("wb") as stream:
            while left:
                if not piece:
                    piece = memoryview(get(next(waiting)))
                stream.write(piece[:left])
                left, piece = left - min(left, len(piece)), piece[left:]
