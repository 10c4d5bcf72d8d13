"""The digests of a cell: one of what was found, one of every byte that says so; stored next to the rows.

The *digest* covers manifest, rows and values of image sets in a canonical form without times, hosts, costs
and paths: a run on another machine, in another executor or in shards that gives equal results has the same
one, and so has a copy without names for a blind review. The *record* covers every line and the whole
manifest. Neither is signed; whoever wants to vouch for results signs the digest (git, sigstore).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refbench.files.disk import explained, write_atomic
from refbench.files.locks import exclusive
from refbench.identity.keys import digest as canonical_digest
from refbench.results.set_scores import SETS
from refbench.store import Manifest, Run, SampleRow, load_run
from refbench.store.linelog import in_use, read_lines
from refbench.store.manifest import DIGEST, LOCK, MANIFEST
from refbench.store.reader import ROWS, SCORES
from refbench.untrusted.anonymous import pathless
from refbench.untrusted.files import read_bounded, read_object

SCHEMA = 1
_ROW = (
    "draw", "status", "error_kind", "metrics", "special", "absent", "ref_names", "notes", "hr_size",
    "lr_size", "ref_sizes", "approx", "recall", "isolation", "sr_sha256", "hr_sha256", "lr_sha256",
    "ref_sha256",
)  # fmt: skip
"""Fields of a row in the digest, after the sample's id: what was found, and on what. Not what it cost, where
it ran, and whether the image was kept."""
_MANIFEST = (
    "run_key", "method", "method_label", "weights", "dataset", "dataset_label", "dataset_count", "protocol",
    "seed", "suite", "controls", "baseline", "deterministic", "identity", "compare", "metrics",
    "weights_files", "schema",
)  # fmt: skip


@dataclass(frozen=True)
class CellDigests:
    """Both digests, sha256 hex."""

    digest: str
    """Of rows, manifest and set values without times, hosts, costs and paths."""
    record: str
    """Of every complete line and the whole manifest."""
    rows: int
    """Rows that the digest covers, error rows included."""

    def json(self) -> dict[str, Any]:
        """The content of digest.json."""
        return {"schema": SCHEMA, "digest": self.digest, "record": self.record, "rows": self.rows}


def digests_of(run: Run) -> CellDigests:
    """The digests of a cell as it is on disk. Raises UserError for a manifest that cannot be read."""
    return CellDigests(result_digest(run), record_digest(run.path), len(run.rows))


def result_digest(run: Run) -> str:
    """The digest of what a cell says, see the module's text."""
    return _result(run, _set_values(run.path))


def _result(run: Run, sets: Mapping[str, Any]) -> str:
    total = hashlib.sha256()
    total.update(f"{canonical_digest(_manifest(run.manifest))}\n".encode())
    for line in sorted(map(_row, run.rows)):
        total.update(f"{line}\n".encode())
    total.update(f"{canonical_digest(_sets(sets))}\n".encode())
    return total.hexdigest()


def _row(row: SampleRow) -> str:
    values = {name: getattr(row, name) for name in _ROW}
    # the id as it is: two trials never become one
    plain = [row.sample_id, {name: pathless(value) for name, value in values.items()}]
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _manifest(manifest: Manifest) -> dict[str, Any]:
    found = {name: pathless(getattr(manifest, name)) for name in _MANIFEST}
    suite = manifest.config.get("suite")
    # cards and draws, from which the protocol is built again
    found["suite_config"] = pathless(suite) if isinstance(suite, Mapping) else None
    whole = manifest.whole
    found["whole"] = None if whole is None else {"samples": whole["samples"], "draws": whole.get("draws")}
    return found


def _set_values(folder: Path) -> dict[str, Any]:
    """Stored values of image sets; a file that cannot be read has no value."""
    try:
        return read_object(folder / SETS) or {}
    except (OSError, ValueError):
        return {"damaged": {"value": "damaged"}}


def _sets(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        signature: {k: v for k, v in entry.items() if k in ("value", "lo", "hi", "items", "images", "trials")}
        for signature, entry in found.items()
        if isinstance(entry, Mapping) and entry.get("value") is not None
    }


def record_digest(folder: Path) -> str:
    """sha256 over every complete line of rows and scores, in no order, and over manifest and sets."""
    lines = {name: [line.data for line in read_lines(folder, name)] for name in (ROWS, SCORES)}
    return _record(lines, {name: _content(folder / name) for name in (MANIFEST, SETS)})


def _record(lines: Mapping[str, Sequence[bytes]], files: Mapping[str, bytes | None]) -> str:
    total = hashlib.sha256()
    for name, found in lines.items():
        for line in sorted(hashlib.sha256(data).hexdigest() for data in found):
            total.update(f"{name} {line}\n".encode())
    for name, content in files.items():
        shown = "" if content is None else hashlib.sha256(content).hexdigest()
        total.update(f"{name} {shown}\n".encode())
    return total.hexdigest()


def _content(path: Path) -> bytes | None:
    try:
        return read_bounded(path)
    except OSError:
        return None


def digests_of_texts(run: Run, manifest: Manifest, files: Mapping[str, bytes]) -> CellDigests:
    """The digests of a copy of ``run`` that consists of ``files`` (manifest, sets, one log of each kind)."""
    lines = {name: files.get(f"{name}.jsonl", b"").splitlines() for name in (ROWS, SCORES)}
    record = _record(lines, {name: files.get(name) for name in (MANIFEST, SETS)})
    copy = Run(run.path, manifest, run.rows)
    return CellDigests(_result(copy, json.loads(files.get(SETS, b"{}"))), record, len(run.rows))


def read_digests(folder: Path) -> CellDigests | None:
    """The stored digests of a cell; None where there are none: it was written by an earlier refbench, or its
    last run did not end. Raises ValueError and OSError for a damaged file."""
    found = read_object(folder / DIGEST)
    if found is None:
        return None
    if found.get("schema") != SCHEMA:
        raise ValueError(f"schema {found.get('schema')!r} is not {SCHEMA}")
    digest, record, rows = found.get("digest"), found.get("record"), found.get("rows")
    if not isinstance(digest, str) or not isinstance(record, str) or type(rows) is not int:
        raise ValueError("digest, record or rows is missing")
    return CellDigests(digest, record, rows)


def stated_digest(folder: Path) -> str:
    """The digest that a cell's folder states; empty where it states none that can be read."""
    try:
        found = read_digests(folder)
    except (OSError, ValueError):
        return ""
    return found.digest if found is not None else ""


def store_digests(folder: Path) -> CellDigests | None:
    """Write digest.json for the cell as it is now; None, and nothing written, while another run still adds
    rows: its own end writes it. Raises UserError."""
    with explained(folder), exclusive(folder / LOCK, folder.parent):
        if in_use(folder, ROWS) or in_use(folder, SCORES):
            return None
        found = digests_of(load_run(folder))
        text = json.dumps(found.json(), indent=1) + "\n"
        path = folder / DIGEST
        if not path.is_file() or path.is_symlink() or path.read_text(encoding="ascii") != text:
            write_atomic(path, text.encode("ascii"), folder.parent)
        return found


def joint_digest(digests: Iterable[str]) -> str:
    """One digest for several cells: that of a single one, else sha256 over theirs, sorted; empty when one is
    missing."""
    found: Sequence[str] = sorted(digests)
    if not found or not all(found):
        return ""
    if len(found) == 1:
        return found[0]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()
