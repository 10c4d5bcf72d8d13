"""Reads a CUFED5 copy: one flat folder, ``data.root`` or its subfolder ``CUFED5``."""

from __future__ import annotations

import re
from pathlib import Path

from refbench.errors import UserError
from refbench.imaging.files import by_stem
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..pair_list import PairLine, read_pair_list
from ..roots import check_options, data_root, first_with
from .spec import SPEC

_NAME = re.compile(r"(\d{3})_([0-5])")
_LEVELS = 5


def open_dataset(request: DataRequest) -> ImageDataset:
    """CUFED5 at ``data.root``; ``data.list=FILE`` chooses other references (``000_0.png 000_5.png``)."""
    return open_scan(SPEC, request, scan(request))


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for a missing root or an unreadable pair list."""
    check_options(SPEC, request, ("list", "lr_dir"))
    root = first_with(data_root(SPEC, request), (".", "CUFED5", "cufed5"), "[0-9][0-9][0-9]_0.*")
    return with_lr(scan_folder(root, request), request)


def scan_folder(root: Path, request: DataRequest) -> Scan:
    """Groups in a folder of CUFED5 layout; also used by the bundled sample."""
    files = {stem: path for stem, path in by_stem(images_in(root)).items() if _NAME.fullmatch(stem)}
    if "list" in request.options:
        listed, lines = read_pair_list("data.list", request.options["list"])
        return _from_list(root, files, listed, lines)
    ids = sorted({stem[:3] for stem in files})
    groups: list[Group] = []
    missing: list[str] = []
    for sample_id in ids:
        hr = files.get(f"{sample_id}_0")
        refs = [files.get(f"{sample_id}_{level}") for level in range(1, _LEVELS + 1)]
        missing += [f"{sample_id}_{level}.png" for level, path in enumerate([hr, *refs]) if path is None]
        # only an unbroken run from _1 on: the first reference must be the best one
        run = refs[: refs.index(None)] if None in refs else refs
        if hr is not None and run:
            groups.append(Group(sample_id, hr, tuple(path for path in run if path is not None)))
    return Scan(root, tuple(groups), tuple(missing))


def _from_list(root: Path, files: dict[str, Path], listed: Path, lines: tuple[PairLine, ...]) -> Scan:
    groups: list[Group] = []
    missing: list[str] = []
    for line in lines:
        match = _NAME.fullmatch(Path(line.input).stem)
        if match is None:
            raise UserError(f"data.list={listed}, line {line.number}: {line.input} is not called NNN_0.png")
        found = [files.get(Path(name).stem) for name in (line.input, *line.refs)]
        paths = [path for path in found if path is not None]
        if len(paths) == len(found):
            groups.append(Group(match[1], paths[0], tuple(paths[1:])))
        names = (line.input, *line.refs)
        missing += [name for name, path in zip(names, found, strict=True) if path is None]
    return Scan(root, tuple(sorted(groups, key=lambda group: group.id)), tuple(missing), (listed,))
