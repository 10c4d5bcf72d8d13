"""Reads a Manga109 copy. It has no references of its own; published runs take other pages.

By default each page's reference is one other page, fixed by a hash of the two names: the same in every
run and independent of the order of files. ``data.list=FILE`` (``001.png 003_1.png``) names others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from refbench.imaging.files import by_stem
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..listed import in_order, listed_groups
from ..roots import check_options, data_root
from .spec import SPEC

_FOLDERS = ("input", "Manga109", "manga109", "HR", ".")


def open_dataset(request: DataRequest) -> ImageDataset:
    """Manga109 at ``data.root``."""
    return open_scan(SPEC, request, scan(request))


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root or an unreadable pair list."""
    check_options(SPEC, request, ("list", "lr_dir"))
    root = data_root(SPEC, request)
    pages = next((found for name in _FOLDERS if (found := by_stem(images_in(root / name)))), {})
    if "list" in request.options:
        refs = {**pages, **by_stem(images_in(root / "ref"))}
        groups, missing, listed = listed_groups(request, pages, refs)
        return with_lr(Scan(root, groups, missing, (listed,)), request)
    paired = [Group(stem, path, _other(stem, pages.items())) for stem, path in pages.items()]
    return with_lr(Scan(root, in_order(paired)), request)


def _other(stem: str, pages: Iterable[tuple[str, Path]]) -> tuple[Path, ...]:
    """The other page whose name, hashed together with ``stem``, gives the smallest digest."""
    others = [(_digest(stem, name), path) for name, path in pages if name != stem]
    return (min(others)[1],) if others else ()


def _digest(stem: str, other: str) -> str:
    return hashlib.sha256(f"refbench manga109 v1\0{stem}\0{other}".encode()).hexdigest()
