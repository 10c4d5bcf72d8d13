"""Reads a WR-SR copy: folders ``input`` and ``ref`` in ``data.root`` or its subfolder ``WR-SR``."""

from __future__ import annotations

from pathlib import Path

from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, by_stem, images_in
from ..image_dataset import ImageDataset, open_scan
from ..pair_list import read_pair_list
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
    lists: tuple[Path, ...] = ()
    if "list" in request.options:
        listed, lines = read_pair_list("data.list", request.options["list"])
        wanted = [(line.input, line.refs) for line in lines]
        lists = (listed,)
    else:
        stems = set(inputs) | {stem.removesuffix("_ref") for stem in refs if stem.endswith("_ref")}
        wanted = [(f"{stem}.png", (f"{stem}_ref.png",)) for stem in sorted(stems)]
    groups: list[Group] = []
    missing: list[str] = []
    for name, ref_names in wanted:
        hr = inputs.get(Path(name).stem)
        found = [refs.get(Path(ref).stem) for ref in ref_names]
        paths = [path for path in found if path is not None]
        missing += [f"input/{name}"] if hr is None else []
        missing += [f"ref/{ref}" for ref, path in zip(ref_names, found, strict=True) if path is None]
        if hr is not None and len(paths) == len(found):
            groups.append(Group(hr.stem, hr, tuple(paths)))
    ordered = tuple(sorted(groups, key=lambda group: group.id))
    return with_lr(Scan(root, ordered, tuple(missing), lists), request)
