"""Reads a WR-SR copy: folders ``input`` and ``ref`` in ``data.root`` or its subfolder ``WR-SR``."""

from __future__ import annotations

from pathlib import Path

from refbench.specs import DataRequest

from ..groups import Group, Scan, by_stem, images_in
from ..image_dataset import ImageDataset, open_scan
from ..pair_list import read_pair_list
from ..roots import check_options, data_root, first_with
from .spec import SPEC


def open_dataset(request: DataRequest) -> ImageDataset:
    """WR-SR at ``data.root``; ``data.pairs=FILE`` chooses other references (``001.png 002_ref.png``)."""
    return open_scan(SPEC, request, scan(request))


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root or an unreadable pair list."""
    check_options(SPEC, request, ("pairs",))
    root = first_with(data_root(SPEC, request), (".", "WR-SR", "WRSR", "wrsr"), "input/*")
    inputs, refs = by_stem(images_in(root / "input")), by_stem(images_in(root / "ref"))
    lists: tuple[Path, ...] = ()
    if "pairs" in request.options:
        listed, lines = read_pair_list("data.pairs", request.options["pairs"])
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
    return Scan(root, tuple(sorted(groups, key=lambda group: group.id)), tuple(missing), lists)
