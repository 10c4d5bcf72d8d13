"""Jobs for another machine: paths that mean the same in any working folder, and what has to be there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from refbench.config.keys import DATA_OPTIONS, raw_kind
from refbench.plan.job import CellJob, DataJob, MethodJob
from refbench.registry import is_file_locator
from refbench.specs import ParamValue

_DATA_PATHS = {key.name.removeprefix("data.") for key in DATA_OPTIONS}


@dataclass(frozen=True)
class Needed:
    """A file or folder that a job reads."""

    key: str
    """What the user named it by: ``data.root``."""
    path: str
    """Absolute."""
    neighbours: bool = False
    """Whether it names other files next to itself, as a list of pairs does."""


def with_absolute_paths(cells: Mapping[str, CellJob]) -> dict[str, CellJob]:
    """The cells with every relative path made absolute; run keys do not change."""
    return {
        key: replace(cell, method=absolute_method(cell.method), data=_absolute_data(cell.data))
        for key, cell in cells.items()
    }


def needed_data(job: DataJob) -> tuple[Needed, ...]:
    """The folders and files of a dataset; empty for those that come with refbench."""
    found = [] if job.request.root is None else [Needed("data.root", job.request.root)]
    for name, text in sorted(job.request.options.items()):
        if _is_data_path(name) and Path(text).is_absolute():
            found.append(Needed(f"data.{name}", text, neighbours=name == "list" and job.request.root is None))
    return tuple(found)


def needed_method(job: MethodJob) -> tuple[Needed, ...]:
    """Checkpoints and files that the method's options name; not the method's own file."""
    found = []
    if job.weights is not None and Path(job.weights).is_absolute():
        found.append(Needed("method.weights", job.weights))
    if job.spec.takes_weights and job.weights_root is not None:
        found.append(Needed("weights.root", str(job.weights_root)))
    for name, value in job.params:
        if isinstance(value, str) and _is_method_path(name, value):
            path, _ = split_locator(value)
            if Path(path).is_absolute():
                found.append(Needed(f"method.{name}", path))
    return tuple(found)


def moved(cell: CellJob, place: Callable[[str], str]) -> CellJob:
    """The cell with its data elsewhere: ``place`` gives the new path of each absolute one."""
    request = cell.data.request
    options = {
        name: place(text) if _is_data_path(name) and Path(text).is_absolute() else text
        for name, text in request.options.items()
    }
    root = None if request.root is None else place(request.root)
    return replace(cell, data=replace(cell.data, request=replace(request, root=root, options=options)))


def split_locator(text: str) -> tuple[str, str]:
    """``path/to/file.py:NAME`` as path and ``:NAME``; any other text as itself and nothing."""
    if ".py:" in text:
        path, _, name = text.rpartition(":")
        return path, f":{name}"
    return text, ""


def _absolute_data(job: DataJob) -> DataJob:
    request = job.request
    root = None if request.root is None else _absolute(request.root)
    options = {
        name: _option(text, root) if _is_data_path(name) else text for name, text in request.options.items()
    }
    return replace(job, request=replace(request, root=root, options=options))


def _option(text: str, root: str | None) -> str:
    """Adapters look for some of their folders below data.root, for others in the working folder. Where both
    exist the dataset's fingerprint, which every worker compares, tells a wrong guess."""
    below = None if root is None else Path(root) / Path(text).expanduser()
    return str(below) if below is not None and below.exists() else _absolute(text)


def absolute_method(job: MethodJob) -> MethodJob:
    """A method whose files are found from any working folder."""
    locator, weights = job.locator, job.weights
    if is_file_locator(locator):
        locator = _absolute_locator(locator)
    if weights is not None and job.spec.variant(weights) is None:
        weights = _absolute(weights)
    root = None if job.weights_root is None else Path(_absolute(str(job.weights_root)))
    params = tuple((name, _absolute_param(name, value)) for name, value in job.params)
    return replace(job, locator=locator, weights=weights, weights_root=root, params=params)


def _absolute_param(name: str, value: ParamValue) -> ParamValue:
    if not isinstance(value, str) or not _is_method_path(name, value):
        return value
    path, _ = split_locator(value)
    # a program on the search path (method.python=python3) is not a file of the working folder
    return _absolute_locator(value) if Path(path).expanduser().exists() else value


def _absolute_locator(text: str) -> str:
    path, name = split_locator(text)
    return _absolute(path) + name


def _absolute(text: str) -> str:
    return str(Path(text).expanduser().absolute())


def _is_data_path(name: str) -> bool:
    return name in _DATA_PATHS or raw_kind(f"data.{name}") == "path"


def _is_method_path(name: str, value: str) -> bool:
    return bool(value) and (raw_kind(f"method.{name}") == "path" or is_file_locator(value))
