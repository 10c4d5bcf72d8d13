"""Reads ``manifest.csv``: one row per photo."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast

Role = Literal["sample", "train", "val", "reference"]
ROLES: tuple[Role, ...] = ("train", "val", "sample", "reference")


@dataclass(frozen=True)
class PhotoRow:
    """One photo and where it comes from."""

    name: str
    role: Role
    kind: str
    """``python``: inside an installed Python package; ``deb``: inside a Debian package."""
    package: str
    version: str
    """The version in which it was found; another one serves as long as the photo's hash agrees."""
    path: str
    """Inside the package; ``archive.rcc#/inner/path`` for a file in a Qt resource archive."""
    sha256: str
    """Of the source file as the package holds it."""
    long_side: int
    """The prepared photo's longer side in pixels; smaller than the source's to remove JPEG artefacts."""
    licence: str
    """SPDX id (without the Creative Commons family's text) or ``public-domain``."""
    author: str


def read_manifest() -> tuple[PhotoRow, ...]:
    """Every photo, ordered by role and name."""
    lines = (files(__package__) / "manifest.csv").read_text(encoding="utf-8").splitlines()
    return tuple(_row(fields) for fields in csv.DictReader(lines))


def _row(fields: dict[str, str]) -> PhotoRow:
    text = {key: value for key, value in fields.items() if key not in ("role", "long_side")}
    return PhotoRow(role=cast(Role, fields["role"]), long_side=int(fields["long_side"]), **text)
