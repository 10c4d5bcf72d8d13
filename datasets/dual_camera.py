"""Sets made by two cameras: real LR of a wide view, a telephoto reference of its middle, and HR."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from refbench.errors import UserError
from refbench.imaging.files import by_stem
from refbench.specs import DataRequest, DatasetSpec

from .groups import Group, Scan, images_in
from .image_dataset import ImageDataset, open_scan
from .roots import check_options, data_root

Box = tuple[int, int, int, int]
BOXES = "corrdinate"
"""As KeDuSR's repository spells the folder and the files in it."""


@dataclass(frozen=True)
class Layout:
    """Folders of one set, with equal file names in each."""

    name: str
    """The set's own folder, and the end of the name of its box file."""
    places: tuple[str, ...]
    """Below ``data.root``, ``data.root/<name>`` and so on: where the folders lie; tried in order."""
    hr: str
    lr: str
    ref: str


def adapter(
    spec: DatasetSpec, layout: Layout
) -> tuple[Callable[[DataRequest], ImageDataset], Callable[[DataRequest], Scan]]:
    """``open_dataset`` and ``scan`` of a set."""

    def scan(request: DataRequest) -> Scan:
        """What is there. Raises UserError for a missing root or an unreadable box file."""
        check_options(spec, request, ("boxes",))
        return _scan(data_root(spec, request), layout, request.options.get("boxes"))

    def open_dataset(request: DataRequest) -> ImageDataset:
        """The set at ``data.root``; regions ``center`` and ``corner`` where its box file is there."""
        found = scan(request)
        notes = () if found.lists else (f"{spec.name}: no box file (data.boxes=), so no center and corner",)
        return open_scan(spec, request, found, own_lr=True, notes=notes)

    return open_dataset, scan


def _scan(given: Path, layout: Layout, boxes_text: str | None) -> Scan:
    candidates = [given, given / layout.name]
    places = [folder / place for folder in candidates for place in layout.places]
    root = next((p for p in places if (p / layout.lr).is_dir()), given)
    hr, lr, refs = (by_stem(images_in(root / name)) for name in (layout.hr, layout.lr, layout.ref))
    file = _box_file(given, root, layout.name, boxes_text)
    boxes = {} if file is None else read_boxes(file)
    groups: list[Group] = []
    missing: list[str] = []
    # a part of a set without HR (DuSR-RealV2's Unpaired) has outputs and no-reference metrics only
    paired = (root / layout.hr).is_dir()
    for stem in sorted({*hr, *lr, *refs}):
        absent = [
            f"{folder}/{stem}.png"
            for folder, files in ((layout.hr, hr), (layout.lr, lr), (layout.ref, refs))
            if stem not in files and (paired or folder != layout.hr)
        ]
        if file is not None and paired and stem not in boxes:
            absent.append(f"{file.name}: {stem}.png")
        missing += absent
        if not absent:
            groups.append(Group(stem, hr.get(stem), (refs[stem],), lr[stem], center=boxes.get(stem)))
    return Scan(root, tuple(groups), tuple(missing), () if file is None else (file,))


def _box_file(given: Path, root: Path, name: str, text: str | None) -> Path | None:
    if text is not None:
        path = Path(text).expanduser()
        if not path.is_file():
            raise UserError(f"data.boxes={text}: there is no such file")
        return path
    near = (given, given.parent, root, root.parent, root.parent.parent)
    files = [f / end for f in near for end in (f"{BOXES}/{BOXES}_{name}.json", f"{BOXES}_{name}.json")]
    return next((path for path in files if path.is_file()), None)


def read_boxes(path: Path) -> Mapping[str, Box]:
    """Stem -> (y0, y1, x0, x1) from ``{file: [y0, y1, x0, x1]}``. UserError naming what is wrong."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: is not a mapping; write {{file: [y0, y1, x0, x1]}}")
    found: dict[str, Box] = {}
    for name, box in data.items():
        whole = isinstance(box, list) and len(box) == 4 and all(type(v) is int for v in box)
        if not whole:
            raise UserError(f"{path}: {name}: {box!r} is not [y0, y1, x0, x1] in whole pixels")
        found[Path(name).stem] = (box[0], box[1], box[2], box[3])
    return found
