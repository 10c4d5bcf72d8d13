"""What an adapter finds on disk: groups of files, and what is missing. No image is decoded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from refbench.errors import UserError
from refbench.imaging.files import folder_images


@dataclass(frozen=True)
class Group:
    """The files of one sample."""

    id: str
    hr: Path | None
    refs: tuple[Path, ...]
    """Most similar first where the dataset grades them."""
    lr: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    truth: tuple[Path, ...] = ()
    """Files that say where HR is in the first reference: disparity, and what of it is visible."""

    center: tuple[int, int, int, int] | None = None
    """(y0, y1, x0, x1) of HR, ends excluded: what the second camera of a pair sees."""

    def images(self) -> tuple[Path, ...]:
        """Every image, HR first."""
        return tuple(path for path in (self.hr, self.lr, *self.refs) if path is not None)

    def files(self) -> tuple[Path, ...]:
        """Every file, HR first."""
        return (*self.images(), *self.truth)


@dataclass(frozen=True)
class Scan:
    """Everything an adapter found below one root."""

    root: Path
    """Where it looked; all files lie below it or below ``also``."""
    groups: tuple[Group, ...]
    """Usable samples, by id."""
    missing: tuple[str, ...] = ()
    """Names, relative to the root, of files that found samples or a pair list call for."""
    lists: tuple[Path, ...] = ()
    """Pair lists that decided the groups; their contents are part of the fingerprint."""
    also: tuple[Path, ...] = ()
    """Further folders in which files may lie (``data.ref`` next to ``data.input``)."""

    def name_of(self, path: Path) -> str:
        """``path`` below the root, with forward slashes; below a further folder with that folder's name."""
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        folder = next(folder for folder in self.also if path.is_relative_to(folder))
        return f"{folder.name}/{path.relative_to(folder).as_posix()}"

    def images(self) -> frozenset[Path]:
        """The usable files that are images."""
        return frozenset(path for group in self.groups for path in group.images())

    def files(self) -> tuple[Path, ...]:
        """Every usable file once, in group order."""
        return tuple(dict.fromkeys(path for group in self.groups for path in group.files()))


def images_in(folder: Path) -> list[Path]:
    """The image files directly in ``folder``, by name; empty when there is no such folder.

    Raises UserError as :func:`refbench.imaging.files.folder_images` does.
    """
    return list(folder_images(folder).images)


_COMPANIONS = frozenset([".txt", ".md", ".csv", ".json", ".yaml", ".yml", ".html", ".sha256", ".pdf"])
"""Of files that come with a set and are not meant to be read as its images."""


def left_out(scan: Scan) -> tuple[str, ...]:
    """Names of files next to the set's own that no sample uses; images only where no list chose."""
    used = set(scan.files())
    found: list[str] = []
    for folder in dict.fromkeys(path.parent for path in scan.files()):
        here = folder_images(folder)
        idle = [path for path in here.others if path.suffix.lower() not in _COMPANIONS]
        if not scan.lists:
            idle += here.images
        found += [scan.name_of(path) for path in sorted(idle) if path not in used]
    return tuple(found)


def check_contained(scan: Scan) -> None:
    """UserError for a file that leaves the scan's folders after all links are followed."""
    folders = [folder.resolve() for folder in (scan.root, *scan.also)]
    for path in scan.files():
        try:
            target = path.resolve()
        except (OSError, RuntimeError) as error:
            raise UserError(f"{path}: is a link that leads to itself; remove it") from error
        if not any(target.is_relative_to(folder) for folder in folders):
            raise UserError(f"{path} leads out of {scan.root} to {target}; copy the file or widen data.root")
