"""Which names of members are accepted: below the folder, distinct on every file system, harmless to print."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from refbench.untrusted.archives.limits import Refused
from refbench.untrusted.escape import terminal_text

LONGEST_PART = 255
"""Bytes; the limit of common file systems."""
LONGEST = 2048
DEEPEST = 32
_DRIVE = re.compile(r"[A-Za-z]:")


def relative_name(name: str) -> PurePosixPath:
    """The member's path below the folder. Raises Refused, naming the member, for any other."""
    shown = ascii(name)[1:-1][:80]
    if not name or "\0" in name:
        raise Refused(f"has a member without a proper name ({shown!r})")
    if terminal_text(name) != name or "\n" in name or "\t" in name:
        raise Refused(f"has a member whose name holds control characters: {shown}")
    if name.startswith("/") or _DRIVE.match(name):
        raise Refused(f"has a member with an absolute path: {shown}")
    if "\\" in name:
        raise Refused(f"has a member with a backslash in its name: {shown}")
    path = PurePosixPath(name)
    if ".." in path.parts:
        raise Refused(f"has a member that leads out of its folder: {shown}")
    size = len(name.encode("utf-8"))
    if size > LONGEST or len(path.parts) > DEEPEST:
        raise Refused(f"has a member with too long a path: {shown}")
    if any(len(part.encode("utf-8")) > LONGEST_PART for part in path.parts):
        raise Refused(f"has a member with too long a name: {shown}")
    return path


class Places:
    """The paths that members have taken; no two may be one file on some file system."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str, bool]] = {}

    def take(self, path: PurePosixPath, folder: bool) -> None:
        """Raises Refused for a second member of that path, one that differs in case or in the form of its
        letters only, and a file that is to be a folder as well."""
        for parent in reversed(path.parents[:-1]):
            self._add(parent, True)
        self._add(path, folder)

    def _add(self, path: PurePosixPath, folder: bool) -> None:
        text = path.as_posix()
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
        there = self._taken.get(key)
        if there is None:
            self._taken[key] = (text, folder)
        elif there[0] != text:
            raise Refused(f"has {there[0]} and {text}, which are one file on some systems")
        elif there[1] != folder:
            raise Refused(f"has {text} both as a file and as a folder")
        elif not folder:
            raise Refused(f"has {text} twice")
