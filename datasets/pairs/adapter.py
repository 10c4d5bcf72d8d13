"""Reads a user's own images.

===============================  =======================================================================
``data.input=DIR data.ref=DIR``  HR images and their references, matched by name (see :func:`matches`)
``data.root=DIR``                the same for ``DIR/input`` and ``DIR/ref``; prefixes the other keys, too
``data.list=FILE``               ``input ref [ref ...]`` lines, below the list's folder or data.root
``data.lr_dir=DIR``              given LR images; beside HR called like them, alone the inputs themselves
===============================  =======================================================================

Without HR there is nothing to compare with: only outputs and no-reference metrics come out of a run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from refbench.errors import UserError
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, by_stem, images_in
from ..image_dataset import ImageDataset, open_scan
from ..pair_list import read_pair_list
from ..roots import check_options, existing_folder
from .spec import SPEC

_KEYS = ("input", "ref", "list", "lr_dir")


def open_dataset(request: DataRequest) -> ImageDataset:
    """The user's pairs; the label carries the folder's or list's name: ``pairs (my photos)``."""
    found = scan(request)
    options = request.options
    place = options.get("list") or request.root or options.get("input") or options.get("lr_dir") or ""
    return open_scan(SPEC, request, found, label=f"pairs ({Path(place).expanduser().resolve().stem})")


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for missing folders, contradicting keys or unmatched names."""
    check_options(SPEC, request, _KEYS)
    if "list" in request.options:
        return _from_list(request)
    root = None if not request.root else existing_folder("data.root", request.root)
    lr_only = "lr_dir" in request.options and "input" not in request.options
    inputs = _folder(request, root, "lr_dir" if lr_only else "input")
    refs = _folder(request, root, "ref")
    ref_files = by_stem(images_in(refs))
    groups: list[Group] = []
    missing: list[str] = []
    for stem, path in sorted(by_stem(images_in(inputs)).items()):
        found = matches(stem, ref_files, refs)
        if found:
            groups.append(Group(stem, None if lr_only else path, found, path if lr_only else None))
        else:
            missing.append(f"{refs.name}/{path.name}")
    also = (inputs, refs) if root is None else ()
    result = Scan(root or inputs, tuple(groups), tuple(missing), also=also)
    return result if lr_only else with_lr(result, request)


def matches(stem: str, files: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """The references of input ``stem``, best first, by the first of these rules that finds any.

    The same name; ``<stem>_ref``; ``<stem>_1``, ``<stem>_2`` ... in numerical order; all images of the
    subfolder ``<stem>``, by name. Extensions do not matter.
    """
    for name in (stem, f"{stem}_ref"):
        if name in files:
            return (files[name],)
    pattern = re.compile(re.escape(stem) + r"_(\d+)")
    numbered = [(int(m[1]), path) for name, path in files.items() if (m := pattern.fullmatch(name))]
    if numbered:
        return tuple(path for _, path in sorted(numbered))
    return tuple(images_in(folder / stem))


def _folder(request: DataRequest, root: Path | None, key: str) -> Path:
    text = request.options.get(key)
    if text is not None:
        path = Path(text).expanduser()
        return existing_folder(f"data.{key}", str(path if root is None else root / path))
    if root is not None and (root / key).is_dir():
        return root / key
    given = f"data.{key} is missing" if root is None else f"data.root={request.root} has no folder {key}"
    raise UserError(f"dataset pairs: {given}; give {SPEC.layout}")


def _from_list(request: DataRequest) -> Scan:
    for key in ("input", "ref"):
        if key in request.options:
            raise UserError(f"dataset pairs: data.list and data.{key} exclude each other; keep one")
    listed, lines = read_pair_list("data.list", request.options["list"])
    root = existing_folder("data.root", request.root) if request.root else listed.parent
    found: dict[str, Group] = {}
    missing: list[str] = []
    for line in lines:
        stem = Path(line.input).stem
        absent = [name for name in (line.input, *line.refs) if not (root / name).is_file()]
        missing += absent
        if stem in found:
            raise UserError(
                f"data.list={listed}, line {line.number}: a sample called {stem!r} came before; "
                "rename one of the two files"
            )
        if not absent:
            found[stem] = Group(stem, root / line.input, tuple(root / ref for ref in line.refs))
    groups = tuple(found[sample_id] for sample_id in sorted(found))
    return with_lr(Scan(root, groups, tuple(missing), (listed,)), request)
