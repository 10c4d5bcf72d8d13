"""The manifest of a cell: what was run, on what, by which code; one JSON file next to the rows."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.files.disk import explained, write_atomic
from refbench.files.locks import exclusive
from refbench.identity.keys import first_difference
from refbench.store.manifest_parts import Parts
from refbench.untrusted.files import read_bounded
from refbench.untrusted.schema import SchemaError, no_constant, read

MANIFEST = "manifest.json"
LOCK = ".lock"
DIGEST = "digest.json"
"""Digests over rows and manifest (refbench.results.digests): gone while these change."""
DAMAGED = "manifest.damaged"
MANIFEST_SCHEMA = 2
_MOST_TRIALS = 10_000_000
"""Of a divided cell: a number that only stands there must not fill the memory."""


@dataclass(frozen=True)
class Manifest:
    """Everything about a cell that is not a row."""

    run_key: str
    """sha256 hex over ``identity``; its first digits name the folder."""
    method: str
    """Plain id of the method: ``datsr``."""
    dataset: str
    """Plain id of the dataset: ``cufed5``."""
    protocol: str
    """Protocol instance as tables show it: ``jitter@1 level=x2``."""
    seed: int = 0
    """Seed of the protocol's random numbers."""
    method_label: str = ""
    """What tables show: ``datsr (compact)``."""
    weights: str = ""
    """Weights variant or file: ``compact``; empty for a method without weights."""
    dataset_label: str = ""
    """What tables show: ``cufed5-sample``, ``wrsr [6 of 80]``."""
    suite: str = ""
    """The suite that the cell was last run for."""
    controls: Mapping[str, str | None] = field(default_factory=dict)
    """Suite -> protocol id that its drop is measured from; None: this cell is that suite's control, the suite
    has none, or the reference leaks HR (an oracle has nothing to lose)."""
    baseline: bool = False
    """True when the cell was last run as the baseline of a comparison."""
    deterministic: bool = True
    """False: the method is declared random (``MethodSpec.deterministic``), which the gate goes by."""
    dataset_count: int | None = None
    """Samples of the dataset's copy; a cell with rows for fewer says so in its label."""
    dataset_title: str = ""
    """The dataset's label without how much of the set there is: ``wrsr``; empty in an earlier manifest."""
    dataset_total: int | None = None
    """Samples of the whole set where the copy is a part of it."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the run key (refbench.identity.keys.run_fields)."""
    compare: Mapping[str, Any] = field(default_factory=dict)
    """The compare key without its signature, which each metric adds."""
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Alias -> signature, unit, decimals, higher_is_better; of all metrics that rows may hold."""
    weights_files: tuple[Mapping[str, Any], ...] = ()
    """role, name, sha256, source and licence of each checkpoint file that was loaded."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The resolved configuration of the first session, without credentials."""
    sessions: tuple[Mapping[str, Any], ...] = ()
    """Provenance of each run that wrote here, oldest first (refbench.store.provenance)."""
    whole: Mapping[str, Any] | None = None
    """Of a cell that shards carry out: the ``samples`` and ``draws`` of all of them together, so that the
    folder itself tells what it lacks (refbench.store.partial), and a digest of the plan's run keys as
    ``study``. None: nothing was divided, or all is merged."""
    schema: int = MANIFEST_SCHEMA
    """Version of this layout."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Manifest:
        """Read decoded JSON; unknown fields are ignored. Raises SchemaError naming the field."""
        schema = data.get("schema", 1)
        if not isinstance(schema, int) or schema > MANIFEST_SCHEMA:
            raise SchemaError(f"schema {schema!r} is newer than this refbench reads ({MANIFEST_SCHEMA})")
        # a path whose bytes are not text has half characters, which JSON for other readers cannot hold
        text = json.dumps(data, ensure_ascii=False).encode("utf-8", "xmlcharrefreplace")
        found = read(Manifest, text)
        whole = read(Parts, text).whole
        if whole is not None and len(whole.samples) * whole.draws > _MOST_TRIALS:
            raise SchemaError(f"whole: more than {_MOST_TRIALS} trials")
        return found


class TornManifest(UserError):
    """The file is not JSON: it was cut off or overwritten, and nothing in it can be used."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a cell folder. Raises UserError when it is missing or damaged."""
    path = folder / MANIFEST
    try:
        data = _parsed(path)
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
        return Manifest.from_dict(data)
    except FileNotFoundError:
        raise UserError(f"{folder}: no {MANIFEST}; not a run of refbench") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read ({error.strerror})") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path}: damaged ({error}); delete this file and repeat the run, which keeps its rows"
        ) from None


def _parsed(path: Path) -> object:
    try:
        return json.loads(read_bounded(path), parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise TornManifest(
            f"{path}: damaged ({error}); repeat the run, which keeps its rows and writes this file anew"
        ) from None


def join_manifest(
    folder: Path, manifest: Manifest, note: Callable[[str], None] = lambda line: None
) -> Manifest:
    """Create the manifest, or add the sessions and metrics of ``manifest`` to the one that is there.

    Safe against other processes that do the same. A file that was cut off is set aside and written anew:
    all but the earlier sessions is known again; ``note`` is told. Raises UserError when the folder belongs
    to another run key, or cannot be written.
    """
    with explained(folder), exclusive(folder / LOCK, folder.parent):
        if not (folder / MANIFEST).exists():
            _write(folder, manifest)
            return manifest
        try:
            there = read_manifest(folder)
        except TornManifest:
            os.replace(folder / MANIFEST, folder / DAMAGED)
            _write(folder, manifest)
            note(
                f"{folder / MANIFEST}: was damaged and has been written anew (what was left: {DAMAGED}); "
                "earlier sessions are no longer recorded"
            )
            return manifest
        if there.run_key != manifest.run_key:
            found = first_difference(there.identity, manifest.identity)
            what = f"{found[0]}: {found[1]!r} there, {found[2]!r} here" if found else "other run key"
            raise UserError(f"{folder}: holds another run ({what}); choose another folder with out=DIR")
        known = {session.get("id") for session in there.sessions}
        new = tuple(session for session in manifest.sessions if session.get("id") not in known)
        merged = dataclasses.replace(
            there,
            # the suite that asked last decides what the cell is measured from
            suite=manifest.suite,
            controls={**there.controls, **manifest.controls},
            baseline=manifest.baseline,
            dataset_count=manifest.dataset_count,
            metrics={**there.metrics, **manifest.metrics},
            sessions=(*there.sessions, *new),
            schema=manifest.schema,
            whole=larger_whole(there.whole, manifest.whole),
        )
        # a run that finds everything done leaves the folder as it was
        if merged != there:
            _write(folder, merged)
        return merged


def larger_whole(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Every sample and draw that either asks for (another ``limit``), in the order of the longer list."""
    if a is None or b is None:
        return a or b
    more, less = (a, b) if len(a["samples"]) >= len(b["samples"]) else (b, a)
    samples = list(dict.fromkeys([*more["samples"], *less["samples"]]))
    return {**a, "samples": samples, "draws": max(int(a.get("draws", 1)), int(b.get("draws", 1)))}


def replace_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder of the same run anew (``refbench merge``). Raises UserError."""
    with explained(folder), exclusive(folder / LOCK, folder.parent):
        if not (folder / MANIFEST).exists() or read_manifest(folder) != manifest:
            _write(folder, manifest)


def update_session(folder: Path, session_id: str, facts: Mapping[str, Any]) -> None:
    """Add facts (``finished``, ``rows``) to one session of the manifest. Raises UserError."""
    with explained(folder), exclusive(folder / LOCK, folder.parent):
        there = read_manifest(folder)
        sessions = tuple({**s, **facts} if s.get("id") == session_id else s for s in there.sessions)
        _write(folder, dataclasses.replace(there, sessions=sessions))


def add_metrics(folder: Path, metrics: Mapping[str, Mapping[str, Any]]) -> None:
    """Record metrics that were scored later. Raises UserError."""
    with explained(folder), exclusive(folder / LOCK, folder.parent):
        there = read_manifest(folder)
        _write(folder, dataclasses.replace(there, metrics={**there.metrics, **metrics}))


def forget_digest(folder: Path) -> None:
    """Remove the digests of a cell that is about to change: a run that is killed leaves none that is wrong.
    Raises OSError."""
    (folder / DIGEST).unlink(missing_ok=True)


def _write(folder: Path, manifest: Manifest) -> None:
    forget_digest(folder)
    text = json.dumps(manifest.to_dict(), indent=1, allow_nan=False)
    write_atomic(folder / MANIFEST, (text + "\n").encode("ascii"), folder.parent, sync=True)
