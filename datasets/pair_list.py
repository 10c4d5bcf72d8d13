"""Pair lists: one ``input ref [ref ...]`` line per sample, as the C2-Matching and DATSR codes ship them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from refbench.errors import UserError

LARGEST = 64 << 20
"""Bytes; CUFED's 11,871 training pairs take less than one MiB."""


@dataclass(frozen=True)
class PairLine:
    """One line; names as written."""

    number: int
    """1-based, for error messages."""
    input: str
    refs: tuple[str, ...]


def read_pair_list(key: str, text: str) -> tuple[Path, tuple[PairLine, ...]]:
    """The file that ``key`` names, and its lines.

    Blank lines and lines starting with ``#`` are skipped; quotes protect spaces, and an apostrophe inside a
    name is a part of it. Backslashes separate folders, as in lists made under Windows. UserError for a
    missing or empty file, a line without a reference, an input listed twice, an open quote or a name that
    leads out of the root.
    """
    path = Path(text).expanduser()
    if not path.is_file():
        raise UserError(f"{key}={text}: there is no such file")
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{key}={text}: over {LARGEST >> 20} MiB; it is not a pair list")
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{key}={text}: is not a readable text file ({error})") from error
    lines: list[PairLine] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{key}={text}, line {number}"
        names = _split(line, where)
        if len(names) < 2:
            raise UserError(f"{where}: {line.strip()!r} names no reference; write: input ref [ref ...]")
        for name in names:
            if ".." in PurePosixPath(name).parts:
                raise UserError(f"{where}: {name} leads out of its folder; give names below the data root")
        if names[0] in seen:
            raise UserError(
                f"{where}: {names[0]} is also on line {seen[names[0]]}; put all its references on one line"
            )
        seen[names[0]] = number
        lines.append(PairLine(number, names[0], tuple(names[1:])))
    if not lines:
        raise UserError(f"{key}={text}: has no pairs; write one 'input ref [ref ...]' per line")
    return path, tuple(lines)


def existing(root: Path, name: str) -> Path | None:
    """The file that ``name`` means below ``root``, also where its accents are written the other way."""
    for form in ("NFC", "NFD"):
        path = root / unicodedata.normalize(form, name)
        if path.is_file():
            return path
    return None


_NAME = re.compile(r"""\s*(?:"([^"]*)"|'(.*?)'|(\S+))(?=\s|$)""")


def _split(line: str, where: str) -> list[str]:
    names = []
    for quoted, single, bare in _NAME.findall(line):
        if bare.startswith(('"', "'")):
            raise UserError(f"{where}: the quote before {bare[1:] or 'a blank'} is not closed")
        names.append((quoted or single or bare).replace("\\", "/"))
    return names
