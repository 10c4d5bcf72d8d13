"""Reads a Sun80 copy: the authors' two folders, two folders ``input`` and ``ref``, or HR images alone.

Papers use one of the twenty scene matches at random, or a list; the choice is worth up to 1 dB on one
image. Here the matches come in name order, so that the first is always the same, and ``data.list=FILE``
(``001.jpg 001_1.jpg``) names others. Without scene matches the samples have no references.
"""

from __future__ import annotations

from pathlib import Path

from refbench.imaging.files import by_stem
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..listed import in_order, listed_groups
from ..roots import check_options, data_root
from ..selfexsr import numbered
from .spec import SPEC

_HR_FOLDERS = (
    "Sun_Hays_SR_groundtruth",
    "input",
    "Sun-Hays80/image_SRF_8",
    "image_SRF_8",
    "Sun-Hays80",
    ".",
)
_REF_FOLDERS = ("Sun_Hays_SR_scenematches", "ref")


def open_dataset(request: DataRequest) -> ImageDataset:
    """Sun80 at ``data.root``; HR images alone are labelled ``sun80 (HR only)``."""
    found = scan(request)
    alone = all(not group.refs for group in found.groups)
    return open_scan(SPEC, request, found, label="sun80 (HR only)" if alone and found.groups else "")


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root or an unreadable pair list."""
    check_options(SPEC, request, ("list", "lr_dir"))
    root = data_root(SPEC, request)
    inputs = next((found for name in _HR_FOLDERS if (found := numbered(images_in(root / name)))), {})
    folder = next((root / name for name in _REF_FOLDERS if (root / name).is_dir()), None)
    if "list" in request.options:
        refs = {} if folder is None else by_stem([*images_in(folder), *_nested(folder)])
        groups, missing, listed = listed_groups(request, inputs, refs, folder.name if folder else "ref")
        return with_lr(Scan(root, groups, missing, (listed,)), request)
    every = in_order([Group(key, path, _matches(folder, path)) for key, path in inputs.items()])
    matched = tuple(group for group in every if group.refs)
    if folder is None or not matched:
        return with_lr(Scan(root, every), request)
    absent = tuple(f"{folder.name}/{group.id}" for group in every if not group.refs)
    return with_lr(Scan(root, matched, absent), request)


def _matches(folder: Path | None, hr: Path) -> tuple[Path, ...]:
    """The scene matches of one input: its folder is called after the file, with or without extension."""
    if folder is None:
        return ()
    named = next((folder / n for n in (hr.name, hr.stem) if (folder / n).is_dir()), None)
    if named is not None:
        return tuple(images_in(named))
    return tuple(path for path in images_in(folder) if path.stem.startswith(f"{hr.stem}_"))


def _nested(folder: Path) -> list[Path]:
    return [path for child in sorted(folder.iterdir()) if child.is_dir() for path in images_in(child)]
