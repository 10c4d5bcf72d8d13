"""A cell without the names of who made it: for a double-blind submission.

Results, labels and identities stay, so that the digest of the cell stays the same; hosts, users, absolute
paths, command lines, addresses and the commit of the user's repository go.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.identity.keys import FOLDER_DIGITS
from refbench.results.digests import CellDigests, digests_of_texts
from refbench.results.set_scores import SETS
from refbench.store import Manifest, Run, SampleRow, SchemaError, ScoreRow
from refbench.store.cell import SUMMARY
from refbench.store.linelog import read_lines
from refbench.store.manifest import DIGEST, MANIFEST
from refbench.store.reader import ROWS, SCORES
from refbench.untrusted.anonymous import PATH, pathless
from refbench.untrusted.files import read_object

_SESSION = (
    "id", "started", "first", "finished", "rows", "shard", "python", "cpu", "cpus", "threads", "device",
    "gpu", "packages", "git", "study",
)  # fmt: skip
"""What a session keeps: versions and machine types. Not host, user, platform, command, project."""
_CONFIG = (
    "suite", "dataset", "seed", "limit", "precision", "images", "metrics", "draws", "against",
)  # fmt: skip
_WORDS = re.compile(r"(?:out|tracking[\w.]*|experiment|weights\.root|data\.root|executor[\w.]*|threads)=")
"""Settings that say where, not what."""
_COMMON = frozenset({"root", "user", "ubuntu", "runner", "localhost", "admin", "home", "test", "data"})
"""Names of accounts and machines that tell nothing, and are words of every manifest."""
_SHORTEST = 3


def anonymous_cell(run: Run) -> tuple[dict[str, bytes], Manifest, CellDigests]:
    """The files of a cell without names, its manifest and its digests. Raises UserError."""
    manifest = _manifest(run.manifest)
    files = {MANIFEST: _bytes(manifest.to_dict())}
    for name in (SUMMARY, SETS):
        try:
            found = read_object(run.path / name)
        except (OSError, ValueError) as error:
            raise UserError(f"{run.path / name}: damaged ({error}); repeat the run") from None
        if found is not None:
            files[name] = _bytes(pathless(found))
    rows, scores = b"", b""
    for line in read_lines(run.path, ROWS):
        try:
            row = SampleRow.from_json(line.data)
        except SchemaError:
            continue
        rows += _row(row).to_json().encode("ascii") + b"\n"
    for line in read_lines(run.path, SCORES):
        try:
            score = ScoreRow.from_json(line.data)
        except SchemaError:
            continue
        scores += replace(score, absent=pathless(score.absent)).to_json().encode("ascii") + b"\n"
    files[f"{ROWS}.jsonl"] = rows
    if scores:
        files[f"{SCORES}.jsonl"] = scores
    digests = digests_of_texts(run, manifest, files)
    files[DIGEST] = _bytes(digests.json())
    return files, manifest, digests


def _bytes(value: object) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode("ascii")


def _row(row: SampleRow) -> SampleRow:
    error = f"({row.error_kind or 'error'}; text left out)" if row.error else ""
    return replace(
        row,
        error=error,
        absent=pathless(row.absent),
        notes=pathless(row.notes),
        ref_names=tuple(pathless(row.ref_names)),
    )


def _manifest(manifest: Manifest) -> Manifest:
    config = {name: pathless(manifest.config[name]) for name in _CONFIG if name in manifest.config}
    data = manifest.config.get("data")
    if isinstance(data, Mapping):
        config["data"] = {
            name: pathless(data[name]) for name in ("partial", "ids", "options") if name in data
        }
    method = manifest.config.get("method")
    if isinstance(method, Mapping):
        config["method"] = {name: pathless(method.get(name)) for name in ("name", "weights", "params")}
    words = manifest.config.get("words")
    if isinstance(words, list):
        config["words"] = [_word(str(word)) for word in words if not _WORDS.match(str(word))]
    sessions = tuple(
        {name: pathless(session[name]) for name in _SESSION if name in session}
        for session in manifest.sessions
    )
    plain = pathless({k: v for k, v in manifest.to_dict().items() if k not in ("config", "sessions")})
    return Manifest.from_dict({**plain, "config": config, "sessions": sessions})


def _word(word: str) -> str:
    name, equals, value = word.partition("=")
    return f"{name}{equals}{pathless(value)}"


def require_nameless(run: Run, name: str, data: bytes) -> None:
    """Raises UserError where a text of the bundle still holds a name of its maker, machine or folders."""
    names = maker_names(run)
    for line in data.splitlines():
        text = line.decode("ascii", "replace")
        for what, token in names:
            if token in text and re.search(rf"(?<![A-Za-z0-9]){re.escape(token)}(?![A-Za-z0-9])", text):
                raise UserError(
                    f"{run.path.name[:FOLDER_DIGITS]}/{name} still holds the {what} {token!r}; rename what "
                    "holds it (a method, weights file or sample) and run again, or export without anonymous"
                )


def maker_names(run: Run) -> tuple[tuple[str, str], ...]:
    """(what, name) of everything about the maker that a cell or this machine knows."""
    found: list[tuple[str, str]] = [("host", socket.gethostname()), ("home folder", str(Path.home()))]
    # no account of this process may stand in the system's table
    with suppress(KeyError, OSError):
        found.append(("user", getpass.getuser()))
    for session in run.manifest.sessions:
        found.append(("host", str(session.get("host") or "")))
        project = session.get("project")
        if isinstance(project, Mapping):
            found.append(("commit", str(project.get("commit") or "")))
    for text in _texts(run.manifest.to_dict()):
        if text.startswith(("/", "~")) and os.sep in text[1:]:
            found.append(("path", text))
    own = {
        str(s.get("git", {}).get("commit")) for s in run.manifest.sessions if isinstance(s.get("git"), dict)
    }
    return tuple(
        (what, token)
        for what, token in dict.fromkeys(found)
        if len(token) >= _SHORTEST and token.lower() not in _COMMON and token not in own and token != PATH
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
