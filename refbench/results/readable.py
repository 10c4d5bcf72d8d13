"""Readable names of cell folders: ``results/cufed5-sample/datsr-compact/canonical@1`` leads to the key.

A cell's own folder is named by its run key, which no person can read. The links are for people and nothing
reads them: rows, reports and merging go by the key folders, each once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from refbench.files.disk import link_folder
from refbench.results.record import CellRecord

_UNSAFE = re.compile(r"[^A-Za-z0-9_@+=.-]+")


def method_folders(out: Path, cells: Sequence[CellRecord]) -> dict[tuple[str, str], Path]:
    """(dataset label, method label) -> folder whose links lead to the cells of ``cells`` in ``out``.

    Makes the links; the cell of the latest run has the name. A method without its links (a file system that
    has none, something else of that name) is led to by the folder of its first cell.
    """
    found: dict[tuple[str, str], Path] = {}
    taken: dict[Path, str] = {}
    for cell in cells:
        place = (cell.dataset_label, cell.method_label)
        link = out / _part(cell.manifest.dataset_label or cell.dataset) / _part(cell.method_label)
        link /= _part(cell.protocol) + (f"-seed{cell.seed}" if cell.seed else "")
        if taken.setdefault(link, cell.run_key) != cell.run_key:
            link = link.with_name(f"{link.name}-{cell.run_key[:8]}")
        try:
            link_folder(link, cell.path, out)
        except (OSError, ValueError):
            found.setdefault(place, cell.path)
        else:
            found.setdefault(place, link.parent)
    return found


def _part(label: str) -> str:
    """One part of a path: ``datsr-compact`` of ``datsr (compact)``; never empty, hidden or a step up."""
    return _UNSAFE.sub("-", label).strip("-.")[:100] or "unnamed"
