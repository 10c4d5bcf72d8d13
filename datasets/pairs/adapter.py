"""Reads a user's own images.

===============================  =======================================================================
``data.input=DIR data.ref=DIR``  HR images and their references, matched by name (see
                                 :func:`refbench.imaging.files.references_of`)
``data.root=DIR``                the same for ``DIR/input`` and ``DIR/ref``; prefixes the other keys, too
``data.list=FILE``               ``input ref [ref ...]`` lines, below the list's folder or data.root
``data.lr_dir=DIR``              given LR images; next to HR called like them, alone the inputs themselves
===============================  =======================================================================

Without HR there is nothing to compare with: only outputs and no-reference metrics come out of a run.
"""

from __future__ import annotations

from pathlib import Path

from refbench.errors import UserError
from refbench.imaging.files import by_stem, plain, references_of, without_role
from refbench.specs import DataRequest

from ..external_lr import with_lr
from ..groups import Group, Scan, images_in
from ..image_dataset import ImageDataset, open_scan
from ..pair_list import existing, read_pair_list
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
    for stem, path in sorted(_inputs(inputs, "_LR" if lr_only else "_HR").items()):
        found = references_of(stem, ref_files, refs)
        if found:
            name = without_role(stem)
            groups.append(Group(name, None if lr_only else path, found, path if lr_only else None))
        else:
            missing.append(f"{refs.name}/{path.name}")
    also = (inputs, refs) if root is None else ()
    result = Scan(root or inputs, tuple(groups), tuple(missing), also=also)
    return result if lr_only else with_lr(result, request)


def _inputs(folder: Path, role: str) -> dict[str, Path]:
    """Stem -> file. Where some are called ``<name>_HR`` (LR alone: ``_LR``), these are the inputs:
    sets exist that keep ``001_HR.png``, ``001_LR.png`` and ``001_ref.png`` in one folder."""
    files = by_stem(images_in(folder))
    return {stem: path for stem, path in files.items() if stem.endswith(role)} or files


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
        stem = plain(Path(line.input).stem)
        paths = [existing(root, name) for name in (line.input, *line.refs)]
        absent = [n for n, path in zip((line.input, *line.refs), paths, strict=True) if path is None]
        missing += absent
        if stem in found:
            raise UserError(
                f"data.list={listed}, line {line.number}: a sample called {stem!r} came before; "
                "rename one of the two files"
            )
        if not absent:
            there = [path for path in paths if path is not None]
            found[stem] = Group(stem, there[0], tuple(there[1:]))
    groups = tuple(found[sample_id] for sample_id in sorted(found))
    return with_lr(Scan(root, groups, tuple(missing), (listed,)), request)
