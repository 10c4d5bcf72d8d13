"""``run=latest``: of all cells in a results folder, the newest of each kind that a baseline can name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refbench.identity.keys import canonical_json
from refbench.store import Manifest, find_runs
from refbench.store.cell import SUMMARY
from refbench.store.manifest import MANIFEST, read_manifest


@dataclass(frozen=True)
class Latest:
    """The chosen cell folders."""

    folders: tuple[Path, ...]
    passed_over: tuple[str, ...]
    """What an older cell was passed over for, one remark each: nothing is left out silently."""


def latest(out: Path) -> Latest:
    """The newest cell for each method, weights label and compare key in ``out`` (or ``out`` itself, when
    it is a cell folder).

    Newest means: last summarised by a ``refbench run``, be it that all its rows were reused; so after
    going back to older code its cells are the latest again. A cell that was interrupted counts from the
    start of its last session. Raises UserError when there is no run, or a manifest is damaged.
    """
    kinds: dict[str, list[tuple[tuple[str, int], Path, Manifest]]] = {}
    for folder in find_runs(out):
        manifest = read_manifest(folder)
        kind = canonical_json([manifest.method, manifest.weights, manifest.compare])
        kinds.setdefault(kind, []).append((_age(folder, manifest), folder, manifest))
    chosen, remarks = [], []
    for cells in kinds.values():
        (_, newest, manifest), *older = sorted(cells, key=lambda entry: entry[0], reverse=True)
        chosen.append(newest)
        remarks += _remarks(manifest, newest, [folder for _, folder, _ in older])
    return Latest(tuple(sorted(chosen)), tuple(remarks))


def _age(folder: Path, manifest: Manifest) -> tuple[str, int]:
    """(time of the last run, as ISO text; modification time for two runs within one second)."""
    times = [str(s.get(name)) for s in manifest.sessions for name in ("started", "finished") if s.get(name)]
    touched = (folder / MANIFEST).stat().st_mtime_ns
    try:
        summary = json.loads((folder / SUMMARY).read_bytes())
        times.append(str(summary["finished"]))
        touched = (folder / SUMMARY).stat().st_mtime_ns
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # interrupted before its summary: the sessions tell
        pass
    return max(times, default=""), touched


def _remarks(manifest: Manifest, newest: Path, older: Sequence[Path]) -> list[str]:
    if not older:
        return []
    label = f"{manifest.method_label or manifest.method} on {manifest.dataset_label}, {manifest.protocol}"
    names = ", ".join(folder.name for folder in older)
    return [f"{label}: {newest.name} is the latest; older, left out: {names}"]
