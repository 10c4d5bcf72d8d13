"""Groups that a pair list spells out, for sets that keep inputs and references in different folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from refbench.imaging.files import plain
from refbench.specs import DataRequest

from .groups import Group
from .pair_list import read_pair_list


def listed_groups(
    request: DataRequest, inputs: Mapping[str, Path], refs: Mapping[str, Path], ref_folder: str = "ref"
) -> tuple[tuple[Group, ...], tuple[str, ...], Path]:
    """Groups by id, names of missing files, and the list that ``data.list`` names.

    ``inputs`` and ``refs`` map the stems (or ids) that lists use to files: ``001.png`` in a list finds
    ``001.jpg``, ``002_ref.png`` finds ``ref/002_ref.png``. ``ref_folder`` is for messages only.
    """
    listed, lines = read_pair_list("data.list", request.options["list"])
    groups: list[Group] = []
    missing: list[str] = []
    for line in lines:
        key = _stem(line.input)
        hr = inputs.get(key)
        found = [refs.get(_stem(name)) for name in line.refs]
        if hr is None:
            missing.append(line.input)
        missing += [f"{ref_folder}/{n}" for n, path in zip(line.refs, found, strict=True) if path is None]
        paths = [path for path in found if path is not None]
        if hr is not None and len(paths) == len(found):
            groups.append(Group(key, hr, tuple(paths)))
    return in_order(groups), tuple(missing), listed


def in_order(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Groups by id."""
    return tuple(sorted(groups, key=lambda group: group.id))


def _stem(name: str) -> str:
    return plain(PurePosixPath(name).stem)
