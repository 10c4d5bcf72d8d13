"""Reads a WR-SR copy: folders ``input`` and ``ref`` in ``data.root`` or its subfolder ``WR-SR``."""

from __future__ import annotations

from refbench.imaging.files import by_stem
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..listed import listed_groups
from ..roots import check_options, data_root, first_with
from .spec import SPEC


def open_dataset(request: DataRequest) -> ImageDataset:
    """WR-SR at ``data.root``; ``data.list=FILE`` chooses other references (``001.png 002_ref.png``)."""
    return open_scan(SPEC, request, scan(request))


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root or an unreadable pair list."""
    check_options(SPEC, request, ("list", "lr_dir"))
    root = first_with(data_root(SPEC, request), (".", "WR-SR", "WRSR", "wrsr"), "input/*")
    inputs, refs = by_stem(images_in(root / "input")), by_stem(images_in(root / "ref"))
    if "list" in request.options:
        groups, missing, listed = listed_groups(request, inputs, refs)
        return with_lr(Scan(root, groups, missing, (listed,)), request)
    stems = sorted(set(inputs) | {stem.removesuffix("_ref") for stem in refs if stem.endswith("_ref")})
    absent = [f"input/{stem}.png" for stem in stems if stem not in inputs]
    absent += [f"ref/{stem}_ref.png" for stem in stems if f"{stem}_ref" not in refs]
    pairs = tuple(
        Group(stem, inputs[stem], (refs[f"{stem}_ref"],))
        for stem in stems
        if stem in inputs and f"{stem}_ref" in refs
    )
    return with_lr(Scan(root, pairs, tuple(sorted(absent))), request)
