"""``data.lr_dir=DIR``: a user's own LR images instead of those that the protocol would make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from refbench.imaging.files import by_stem, plain, without_role
from refbench.specs import DataRequest

from .groups import Group, Scan, images_in
from .roots import existing_folder

LABEL = "external-lr"
"""Stands in the label of every dataset read this way: never to be ranked with bicubic LR."""


def with_lr(scan: Scan, request: DataRequest) -> Scan:
    """The scan with an LR file for each group, called after the sample's id or its HR file, with
    ``_LR`` (instead of ``_HR``) or without.

    Groups without one are left out and count as missing. Without ``data.lr_dir`` nothing changes.
    """
    text = request.options.get("lr_dir")
    if text is None:
        return scan
    folder = existing_folder("data.lr_dir", text)
    files = by_stem(images_in(folder))
    found: list[Group] = []
    missing = list(scan.missing)
    for group in scan.groups:
        lr = _lr_of(group, files)
        if lr is None:
            missing.append(f"{folder.name}/{group.id}.png")
        else:
            found.append(replace(group, lr=lr))
    return replace(scan, groups=tuple(found), missing=tuple(missing), also=(*scan.also, folder))


def _lr_of(group: Group, files: dict[str, Path]) -> Path | None:
    stem = group.id if group.hr is None else plain(group.hr.stem)
    names = (f"{without_role(stem)}_LR", f"{group.id}_LR", group.id, stem)
    return next((files[name] for name in names if name in files), None)
