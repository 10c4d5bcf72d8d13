"""The folders and options that a user names: ``data.root= data.pairs= ...``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from refbench.errors import UserError, did_you_mean
from refbench.specs import DataRequest, DatasetSpec


def check_options(spec: DatasetSpec, request: DataRequest, allowed: Collection[str]) -> None:
    """UserError for a ``data.*`` key that this dataset does not read."""
    for key in request.options:
        if key not in allowed:
            raise UserError(f"dataset {spec.name} has no key data.{key}{did_you_mean(key, allowed)}")


def data_root(spec: DatasetSpec, request: DataRequest) -> Path:
    """The folder ``data.root`` names. UserError when it is not given or not a folder."""
    if not request.root:
        raise UserError(f"dataset {spec.name} needs data.root=DIR ({spec.layout}); {how_to_get(spec)}")
    return existing_folder("data.root", request.root)


def existing_folder(key: str, text: str) -> Path:
    """The folder a key names; UserError saying whether it is missing or not a folder."""
    path = Path(text).expanduser()
    if not path.is_dir():
        raise UserError(f"{key}={text}: {'is not a folder' if path.exists() else 'there is no such folder'}")
    return path


def first_with(root: Path, names: Sequence[str], marker: str) -> Path:
    """The first of ``root/<name>`` that contains something matching ``marker``; ``root`` when none does.

    Lets a user name either the dataset's own folder or the folder above it.
    """
    for name in names:
        folder = root / name
        if folder.is_dir() and next(folder.glob(marker), None) is not None:
            return folder
    return root


def how_to_get(spec: DatasetSpec) -> str:
    """Where a person gets the dataset, for error lines."""
    return f"get it: {spec.source}" if spec.source else "it has no public source"
