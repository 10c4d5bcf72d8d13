"""Reads a user's own images.

===============================  =======================================================================
``data.input=DIR data.ref=DIR``  HR images and their references, matched by name (see :func:`matches`)
``data.root=DIR``                the same for ``DIR/input`` and ``DIR/ref``; prefixes the other keys, too
``data.list=FILE``               ``input ref [ref ...]`` lines, below the list's folder or data.root
``data.lr=DIR``                  given LR images, by the name of the input; alone, without any HR image
===============================  =======================================================================

Without HR there is nothing to compare with: only outputs and no-reference metrics come out of a run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from refbench.errors import UserError
from refbench.specs import DataRequest

from ..groups import Group, Scan, by_stem, images_in
from ..image_dataset import ImageDataset, open_scan
from ..pair_list import read_pair_list
from ..roots import check_options, existing_folder
from .spec import SPEC

_KEYS = ("input", "ref", "list", "lr")


def open_dataset(request: DataRequest) -> ImageDataset:
    """The user's pairs; the label carries the folder's or list's name: ``pairs (my photos)``."""
    found = scan(request)
    options = request.options
    place = options.get("list") or request.root or options.get("input") or options.get("lr") or ""
    return open_scan(SPEC, request, found, label=f"pairs ({Path(place).expanduser().resolve().stem})")


def scan(request: DataRequest) -> Scan:
    """What is there. Raises UserError for missing folders, contradicting keys or unmatched names."""
    check_options(SPEC, request, _KEYS)
    if "list" in request.options:
        return _from_list(request)
    root = None if not request.root else existing_folder("data.root", request.root)
    inputs = _folder(request, root, "input", required="lr" not in request.options)
    lrs = _folder(request, root, "lr", required=False)
    refs = _folder(request, root, "ref", required=True)
    assert refs is not None
    main, key = (inputs, "input") if inputs is not None else (lrs, "lr")
    assert main is not None
    ref_files = by_stem(images_in(refs))
    lr_files = {} if lrs is None else by_stem(images_in(lrs))
    groups: list[Group] = []
    missing: list[str] = []
    for stem, path in sorted(by_stem(images_in(main)).items()):
        found = matches(stem, ref_files, refs)
        lr = lr_files.get(stem)
        if not found:
            missing.append(f"{refs.name}/{path.name}")
        elif lrs is not None and lr is None:
            missing.append(f"{lrs.name}/{path.name}")
        else:
            groups.append(Group(stem, path if key == "input" else None, found, lr))
    others = tuple(path for path in (inputs, lrs, refs) if path is not None and root is None)
    return Scan(root or main, tuple(groups), tuple(missing), also=others)


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


def _folder(request: DataRequest, root: Path | None, key: str, required: bool) -> Path | None:
    text = request.options.get(key)
    if text is not None:
        path = Path(text).expanduser()
        return existing_folder(f"data.{key}", str(path if root is None else root / path))
    if root is not None and (root / key).is_dir():
        return root / key
    if required:
        given = (
            f"data.root={request.root} has no folder {key}" if root is not None else f"data.{key} is missing"
        )
        raise UserError(f"dataset pairs: {given}; give {SPEC.layout}")
    return None


def _from_list(request: DataRequest) -> Scan:
    for key in ("input", "ref"):
        if key in request.options:
            raise UserError(f"dataset pairs: data.list and data.{key} exclude each other; keep one")
    listed, lines = read_pair_list("data.list", request.options["list"])
    root = existing_folder("data.root", request.root) if request.root else listed.parent
    lrs = _folder(request, root if request.root else None, "lr", required=False)
    lr_files = {} if lrs is None else by_stem(images_in(lrs))
    by_id: dict[str, Group] = {}
    missing: list[str] = []
    for line in lines:
        hr, refs = root / line.input, tuple(root / ref for ref in line.refs)
        lr = lr_files.get(hr.stem)
        absent = [name for name in (line.input, *line.refs) if not (root / name).is_file()]
        # with LR images at hand, the input's name may stand for the LR image alone
        if lrs is not None and lr is None:
            absent.append(f"{lrs.name}/{hr.stem}")
        elif lr is not None and line.input in absent:
            absent.remove(line.input)
        missing += absent
        if absent:
            continue
        if hr.stem in by_id:
            raise UserError(
                f"data.list={listed}, line {line.number}: a sample called {hr.stem!r} came before; "
                "rename one of the two files"
            )
        by_id[hr.stem] = Group(hr.stem, hr if hr.is_file() else None, refs, lr)
    groups = tuple(by_id[sample_id] for sample_id in sorted(by_id))
    return Scan(root, groups, tuple(missing), (listed,), also=() if lrs is None else (lrs,))
