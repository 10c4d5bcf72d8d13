"""Reads an LMR copy: in folder ``NNNN_<name>`` the file ``<name>`` is the input, the rest its references."""

from __future__ import annotations

import re
from pathlib import Path

from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..roots import check_options, data_root, first_with
from .spec import SPEC

_FOLDER = re.compile(r"(\d{4})_(.+)")


def open_dataset(request: DataRequest) -> ImageDataset:
    """LMR at ``data.root``; references in name order (their grades are not in the names)."""
    return open_scan(SPEC, request, scan(request))


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root."""
    check_options(SPEC, request, ("lr_dir",))
    root = first_with(data_root(SPEC, request), (".", "LMR_test", "LMR", "test"), "[0-9][0-9][0-9][0-9]_*")
    groups: list[Group] = []
    missing: list[str] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        match = _FOLDER.fullmatch(folder.name)
        if match is None:
            continue
        hr, refs = _split(folder, match[2])
        if hr is None:
            missing.append(f"{folder.name}/{match[2]}")
        elif not refs:
            missing.append(f"{folder.name}/<references>")
        else:
            groups.append(Group(match[1], hr, refs))
    return with_lr(Scan(root, tuple(groups), tuple(missing)), request)


def _split(folder: Path, name: str) -> tuple[Path | None, tuple[Path, ...]]:
    """The input and the references; some copies leave the extension out of the folder's name."""
    images = images_in(folder)
    hr = next((path for path in images if name in (path.name, path.stem)), None)
    return hr, tuple(path for path in images if path != hr)
