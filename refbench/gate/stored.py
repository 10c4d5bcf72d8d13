"""Finished cells on disk as the gate reads them, and the provenance that a baseline file keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.results.cells import load_cells
from refbench.results.record import CellRecord, joined
from refbench.store import Manifest

VERSIONS = ("refbench", "torch", "torchvision", "numpy", "pillow")


@dataclass(frozen=True)
class GateInput:
    """The run that is compared."""

    cells: tuple[CellRecord, ...]
    """With suite and machine, over all rows that are on disk."""
    provenance: Mapping[str, str]
    """Of the newest session of these cells; what differs between sessions stands joined."""
    problems: tuple[str, ...]
    """Rows that could not be read, and cells without rows."""


def load_input(folders: Sequence[Path]) -> GateInput:
    """Read cells from results or cell folders. Raises UserError when there is none."""
    stored = load_cells(folders)
    return GateInput(
        cells=stored.cells,
        provenance=provenance([cell.manifest for cell in stored.cells]),
        problems=stored.problems,
    )


def provenance(manifests: Sequence[Manifest]) -> dict[str, str]:
    """Versions, commit, time and command of the runs, as plain text; of the program only its name."""
    sessions = [session for manifest in manifests for session in manifest.sessions]
    sessions.sort(key=lambda session: str(session.get("started")))
    facts = {name: [str(s["packages"][name]) for s in sessions if _has(s, name)] for name in VERSIONS}
    facts["python"] = [str(s["python"]) for s in sessions if s.get("python")]
    # the user's own repository first: its commit is what a reader of the baseline looks for
    facts["commit"] = [_commit(s["project"]) for s in sessions if s.get("project")]
    facts["refbench commit"] = [_commit(s["git"]) for s in sessions if s.get("git")]
    facts["gpu"] = [str(s["gpu"]["name"]) for s in sessions if s.get("gpu")]
    facts["command"] = [_command(s["command"]) for s in sessions if s.get("command")]
    found = {name: joined(values) for name, values in facts.items() if values}
    if sessions:
        found["started"] = str(sessions[-1].get("started"))
    return found


def _has(session: Mapping[str, Any], package: str) -> bool:
    packages = session.get("packages")
    return isinstance(packages, Mapping) and package in packages


def _commit(git: Mapping[str, Any]) -> str:
    return f"{str(git.get('commit'))[:12]}{' with changes' if git.get('dirty') else ''}"


def _command(words: Sequence[Any]) -> str:
    """The command line, the program by its name alone."""
    first, *rest = [str(word) for word in words]
    return " ".join([Path(first).name, *rest])
