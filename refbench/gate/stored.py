"""Finished cells on disk as the gate reads them, and the provenance that a baseline file keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refbench.results.cells import load_cells
from refbench.stats.summary import CellSummary
from refbench.store import Manifest, Run

VERSIONS = ("refbench", "torch", "torchvision", "numpy", "pillow")


@dataclass(frozen=True)
class GateInput:
    """The run that is compared."""

    cells: tuple[CellSummary, ...]
    """With suite and machine, over all rows that are on disk."""
    provenance: Mapping[str, str]
    """Of the newest session of these cells; what differs between sessions stands joined."""
    problems: tuple[str, ...]
    """Rows that could not be read, and cells without rows."""


def load_input(folders: Sequence[Path]) -> GateInput:
    """Read cells from results or cell folders. Raises UserError when there is none."""
    stored = load_cells(folders)
    return GateInput(
        cells=tuple(located(cell.summary, cell.run) for cell in stored.cells),
        provenance=provenance([cell.manifest for cell in stored.cells]),
        problems=stored.problems,
    )


def located(summary: CellSummary, run: Run) -> CellSummary:
    """The summary with the suite and the machine that ``run`` records."""
    devices = sorted({row.device for row in run.rows if row.ok and row.device})
    return replace(summary, suite=run.manifest.suite, machine=machine(run.manifest.sessions, devices))


def machine(sessions: Sequence[Mapping[str, Any]], devices: Sequence[str]) -> dict[str, str]:
    """Processor, device and CPU threads of the sessions that computed rows; ``a + b`` when they differ.

    A GPU is known by its device name (``cuda:0``) only.
    """
    busy = [session for session in sessions if session.get("cpu")]
    if not busy:
        return {}
    threads = [s.get("threads") or dict(s.get("environment") or {}).get("OMP_NUM_THREADS") for s in busy]
    return {
        "cpu": _joined([f"{s['cpu']}, {s.get('cpus')} cores" for s in busy]),
        "device": _joined(devices),
        "threads": _joined([str(count) if count else "all" for count in threads]),
    }


def provenance(manifests: Sequence[Manifest]) -> dict[str, str]:
    """Versions, commit, time and command of the runs, as plain text; of the program only its name."""
    sessions = [session for manifest in manifests for session in manifest.sessions]
    sessions.sort(key=lambda session: str(session.get("started")))
    facts = {name: [str(s["packages"][name]) for s in sessions if _has(s, name)] for name in VERSIONS}
    facts["python"] = [str(s["python"]) for s in sessions if s.get("python")]
    facts["git"] = [_commit(s["git"]) for s in sessions if s.get("git")]
    facts["command"] = [_command(s["command"]) for s in sessions if s.get("command")]
    found = {name: _joined(values) for name, values in facts.items() if values}
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


def _joined(values: Sequence[str]) -> str:
    return " + ".join(dict.fromkeys(values))
