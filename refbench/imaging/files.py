"""Image files in folders: what counts as one, what is left out, and names and kinds that cannot be used."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from refbench.errors import UserError

EXTENSIONS = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".jfif",
        ".jpe",
        ".bmp",
        ".webp",
        ".tif",
        ".tiff",
        ".gif",
        ".jp2",
        ".j2k",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
    ]
)
"""Of the formats that the reader decodes, compared without regard to case; the content decides how."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True)
class FolderImages:
    """What one folder holds."""

    images: tuple[Path, ...]
    """Image files, by name."""
    others: tuple[Path, ...]
    """Everything else that is not hidden, by name; of folders those that are called like an image."""


def folder_images(folder: Path) -> FolderImages:
    """The image files directly in ``folder`` and what else lies there; empty when there is no such folder.

    Raises UserError for an entry called like an image that cannot be one (a named pipe, a link that leads
    nowhere or to itself) and for a name that cannot be written down (see :func:`check_name`).
    """
    if not folder.is_dir():
        return FolderImages((), ())
    images: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix.lower() not in EXTENSIONS:
            if not path.is_dir():
                others.append(path)
            continue
        check_name(path)
        # some layouts keep an image's references in a folder that is called like it
        if path.is_dir():
            others.append(path)
        else:
            check_regular(path)
            images.append(path)
    return FolderImages(tuple(images), tuple(others))


def check_regular(path: Path) -> None:
    """UserError for what is there but is not a regular file: to open a named pipe would wait forever."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        where = "is a link that leads nowhere or to itself" if path.is_symlink() else f"{error.strerror}"
        raise UserError(f"{shown(path)}: {where}; remove it") from error
    for is_kind, name in _KINDS:
        if is_kind(mode):
            raise UserError(f"{shown(path)}: is {name}, not an image file; remove it")


def check_name(path: Path) -> None:
    """UserError for a file name that is not text: rows, tables and manifests could not hold it."""
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
        try:
            os.fsencode(path.name).decode("utf-8")
        except UnicodeDecodeError:
            remedy = "its name is not UTF-8; rename it (convmv -f latin1 -t utf8 -r --notest DIR)"
        else:
            remedy = "the locale cannot hold its name; set PYTHONUTF8=1 or LC_ALL=C.UTF-8"
        raise UserError(f"{shown(path)}: {remedy}") from None


def shown(path: Path) -> str:
    """``path`` for a message, bytes that are not UTF-8 escaped: ``caf\\xe9.png``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def plain(name: str) -> str:
    """A name in the form in which names are compared: macOS writes an accent apart from its letter (NFD)."""
    return unicodedata.normalize("NFC", name)


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Stem (see :func:`plain`) -> path. Raises UserError when two files differ only in their extension."""
    found: dict[str, Path] = {}
    for path in paths:
        stem = plain(path.stem)
        if stem in found:
            raise UserError(
                f"{path.parent}: {found[stem].name} and {path.name} have the same name; keep one of them"
            )
        found[stem] = path
    return found


_ROLE = re.compile(r"(.+)_(HR|LR|hr|lr)")


def without_role(stem: str) -> str:
    """``001_0`` of ``001_0_HR`` and ``001_0_LR``, names of the pre-degraded sets; other stems unchanged."""
    match = _ROLE.fullmatch(stem)
    return match[1] if match else stem


def references_of(stem: str, files: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """The references of the input ``stem``, best first, by the first of these rules that finds any.

    The same name; ``<stem>_ref``; ``<stem>_1``, ``<stem>_2`` ... in numerical order; where ``<stem>`` ends in
    ``_0`` (CUFED5's inputs), the same names with another number; all images of the subfolder ``<stem>``, by
    name. For a stem that ends in ``_HR`` or ``_LR`` all of these without that come first. ``files``: the
    stems of ``folder``.
    """
    for base in dict.fromkeys((without_role(stem), stem)):
        for name in (base, f"{base}_ref"):
            if name in files:
                return (files[name],)
        found = _numbered(base, files, 0) or (base.endswith("_0") and _numbered(base[:-2], files, 1))
        if found := found or folder_images(folder / base).images:
            return found
    return ()


def _numbered(base: str, files: Mapping[str, Path], first: int) -> tuple[Path, ...]:
    pattern = re.compile(re.escape(base) + r"_(\d+)")
    found = [(int(m[1]), path) for name, path in files.items() if (m := pattern.fullmatch(name))]
    return tuple(path for number, path in sorted(found) if number >= first)
