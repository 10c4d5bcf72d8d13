"""Results in the shapes that other programs and people read: one module per format.

A module of :data:`FORMATS` has ``export(request) -> Exported``. It writes below ``request.out`` only, and
lists in ``Exported.unmapped`` every field that its format has no place for: nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from refbench.config.export_keys import FORMATS
from refbench.errors import UserError, unknown


@dataclass(frozen=True)
class ExportRequest:
    """What ``refbench export`` was asked for."""

    places: tuple[Path, ...]
    """Results folders, run folders or bundles."""
    out: Path
    """File or folder to write."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The command's settings by name, see :mod:`refbench.config.export_keys`."""
    note: Callable[[str], None] = lambda line: None
    """Told what a person should know meanwhile."""

    def text(self, name: str) -> str:
        """A setting as text, empty where it was not given."""
        return str(self.settings.get(name) or "")


@dataclass(frozen=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    unmapped: tuple[str, ...] = ()
    """What the format has no place for, and what was filled in for lack of it; one line each."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What ``--json`` prints besides (a digest, counts)."""


class Exporter(Protocol):
    """A module of :data:`FORMATS`."""

    def export(self, request: ExportRequest) -> Exported: ...


def export(format: str, request: ExportRequest) -> Exported:
    """Write ``request`` in ``format``; raises UserError for an unknown format, and as the format says."""
    if format not in FORMATS:
        raise unknown("export format", format, FORMATS)
    if not request.out.name:
        raise UserError(f"out={request.out}: name a file or folder to write")
    from refbench.results.reopen import opened

    exporter = cast(Exporter, import_module(f"refbench.exchange.{format}"))
    with opened(request.places) as folders:
        return exporter.export(replace(request, places=tuple(folders)))
