"""Where a number comes from, as every table format says it: one record per cell, read from its manifest.

Nothing here is decided anew: run key, weights, dataset, protocol and machine are what the manifest records,
references are counted in the rows, and whether somebody audited the cell stands in the record.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from refbench.results.record import CellRecord, joined
from refbench.store import Manifest

SHORT = 12
"""Hex digits of keys and digests in tables; documents and folders have all of them."""
SELF_REPORTED = "self-reported"
COMPLETE, PARTIAL = "complete", "partial"


@dataclass(frozen=True)
class Provenance:
    """The columns of one row of a table. Texts; empty where the manifest does not say."""

    run_key: str
    """First digits of the run key."""
    digest: str
    """First digits of the digest of rows and manifest."""
    weights: str
    """sha256 of each checkpoint file, ``role 0a1b2c3d4e5f``; ``none`` for a method without weights."""
    dataset: str
    """Fingerprint of the dataset."""
    extent: str
    """``complete``, or ``partial`` with what the label says of it: ``partial (2 of 13)``."""
    card: str
    """Protocol card with its version, ``canonical@1``."""
    references: str
    """Policy and number of references that the method got: ``first (1)``, ``all (1 to 5)``."""
    refbench: str
    """Version and commit of refbench."""
    project: str
    """Commit of the user's own repository, in which the run was started."""
    torch: str
    device: str
    """Model of the GPU, or of the processor."""
    audit: str
    """``self-reported``, or what ``refbench audit`` found."""

    def json(self) -> dict[str, str]:
        """The record as documents print it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


COLUMNS: Mapping[str, str] = {
    "run_key": "run key",
    "digest": "digest",
    "weights": "weights sha256",
    "dataset": "dataset fingerprint",
    "extent": "samples",
    "card": "card",
    "references": "references",
    "refbench": "refbench",
    "project": "project commit",
    "torch": "torch",
    "device": "device",
    "audit": "audit",
}
"""Field -> heading, in the order of tables."""


def provenance_of(cell: CellRecord) -> Provenance:
    """The provenance of one cell; sessions that wrote rows under different versions stand joined."""
    manifest = cell.manifest
    sessions = manifest.sessions
    weights = manifest.identity.get("weights")
    hashes = weights if isinstance(weights, Mapping) else {}
    return Provenance(
        run_key=cell.run_key[:SHORT],
        digest=cell.digest[:SHORT],
        weights=", ".join(f"{role} {str(sha)[:SHORT]}" for role, sha in sorted(hashes.items())) or "none",
        dataset=str(manifest.compare.get("dataset", ""))[:SHORT],
        extent=_extent(cell),
        card=cell.parts.card if cell.parts is not None else cell.protocol.partition("+")[0],
        references=_references(cell),
        refbench=joined([text for s in sessions if (text := _refbench(s))]),
        project=joined([text for s in sessions if (text := _commit(s.get("project")))]),
        torch=joined([text for s in sessions if (text := _version(s, "torch"))]),
        device=_device(cell),
        audit=cell.audit or SELF_REPORTED,
    )


def _extent(cell: CellRecord) -> str:
    """Whether the cell is about all of the dataset's samples."""
    if cell.partial:
        return f"{PARTIAL} ({cell.partial.removeprefix('partial: ')})"
    return COMPLETE if cell.part is None else f"{PARTIAL} ({cell.part[0]} of {cell.part[1]})"


def _references(cell: CellRecord) -> str:
    least, most = cell.references
    count = str(least) if least == most else f"{least} to {most}"
    if cell.parts is None:
        return count
    reference = cell.parts.reference
    return f"{reference.id or reference.name} ({count})"


def _refbench(session: Mapping[str, Any]) -> str:
    return " ".join(text for text in (_version(session, "refbench"), _commit(session.get("git"))) if text)


def _version(session: Mapping[str, Any], package: str) -> str:
    packages = session.get("packages")
    return str(packages[package]) if isinstance(packages, Mapping) and package in packages else ""


def _commit(git: object) -> str:
    if not isinstance(git, Mapping) or not git.get("commit"):
        return ""
    return f"{str(git['commit'])[:SHORT]}{' with changes' if git.get('dirty') else ''}"


def _device(cell: CellRecord) -> str:
    """The GPU's model where rows were made on one, else the processor's."""
    device = cell.machine.get("device", "")
    if device and device != "cpu":
        return device
    return joined([name.partition(", ")[0] for name in cell.machine.get("cpu", device).split(" + ")])


def commands_of(manifest: Manifest) -> tuple[str, ...]:
    """The command lines that ask for a cell again."""
    return tuple(map(shlex.join, _words_of(manifest)))


def _words_of(manifest: Manifest) -> tuple[tuple[str, ...], ...]:
    """Its settings in full, else those of its sessions, of the program only its name."""
    settings = manifest.config.get("words")
    if isinstance(settings, list) and settings:
        return (("refbench", "run", *map(str, settings)),)
    found = []
    for session in manifest.sessions:
        words = session.get("command")
        if isinstance(words, list) and words:
            found.append((Path(str(words[0])).name, *map(str, words[1:])))
    return tuple(dict.fromkeys(found))


def commands(cells: Iterable[CellRecord]) -> tuple[str, ...]:
    """The command lines that ask for these cells again, each once, in order; one for several methods, and for
    several suites, that were run with the same settings."""
    found = list(dict.fromkeys(words for cell in cells for words in _words_of(cell.manifest)))
    for key in ("method=", "suite="):
        found = _joined(found, key)
    return tuple(map(shlex.join, found))


def _joined(commands: Iterable[tuple[str, ...]], key: str) -> list[tuple[str, ...]]:
    """Commands that differ in the value of ``key`` alone as one, with the values as a sweep."""
    values: dict[tuple[str, ...], list[str]] = {}
    for words in commands:
        own = [word for word in words if word.startswith(key)]
        plain = len(own) == 1 and re.fullmatch(r"[\w@]+", own[0].removeprefix(key))
        rest = tuple(key if plain and word == own[0] else word for word in words)
        values.setdefault(rest, []).append(own[0].removeprefix(key) if plain else "")
    return [
        tuple(key + ",".join(each) if word == key and any(each) else word for word in rest)
        for rest, each in values.items()
    ]


def shared(records: Sequence[Provenance]) -> dict[str, str]:
    """Field -> value of what all records say alike; empty for fewer than two."""
    if len(records) < 2:
        return {}
    return {
        name: getattr(records[0], name)
        for name in COLUMNS
        if len({getattr(record, name) for record in records}) == 1
    }


def lines(cells: Sequence[CellRecord]) -> tuple[str, ...]:
    """The provenance of a table's rows in sentences: what all share, what each method shares, then the run
    key of each row and what else differs there; last the command lines."""
    found = [(cell, provenance_of(cell)) for cell in cells if cell.run is not None]
    if not found:
        return ()
    common = shared([record for _, record in found])
    said = []
    if common:
        said.append(f"all rows: {_facts(common)}")
    methods: dict[str, list[tuple[CellRecord, Provenance]]] = {}
    for cell, record in found:
        methods.setdefault(cell.method_label, []).append((cell, record))
    for label, own in methods.items():
        alike = {k: v for k, v in shared([record for _, record in own]).items() if k not in common}
        rows = []
        for cell, record in own:
            facts = {k: getattr(record, k) for k in COLUMNS if k not in common and k not in alike}
            place = f"{cell.protocol}: " if len(own) > 1 else ""
            rows.append(f"{place}{_facts(facts)}")
        lead = f"{label}: {_facts(alike)}; " if alike else f"{label}: "
        said.append(lead + "; ".join(rows))
    said += [f"again: {command}" for command in commands(cell for cell, _ in found)]
    return tuple(said)


def brief(cells: Sequence[CellRecord]) -> tuple[str, ...]:
    """The same in one line, for a table of one line per method: the version that made the rows, and whether
    somebody checked them."""
    found = [provenance_of(cell) for cell in cells if cell.run is not None]
    if not found:
        return ()
    versions = joined([record.refbench for record in found if record.refbench])
    return (f"made by refbench {versions}; audit: {joined([record.audit for record in found])}",)


def _facts(values: Mapping[str, str]) -> str:
    return ", ".join(f"{COLUMNS[name]} {value}" for name, value in values.items() if value)
