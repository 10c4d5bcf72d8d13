"""One zip with everything that stands behind some results: it opens like the folder that it was made from.

``refbench audit``, ``report``, ``merge`` and ``site`` open a bundle as it is. Files are copied byte for byte,
digests included: what was wrong in the folder is wrong in the bundle.
"""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from refbench import __version__
from refbench.errors import UserError
from refbench.exchange import Exported, ExportRequest
from refbench.exchange.anonymous import anonymous_cell, require_nameless
from refbench.files.disk import atomic_file
from refbench.results.digests import CellDigests, digests_of, joint_digest, read_digests
from refbench.results.reopen import opened
from refbench.results.scoring import kept_image
from refbench.results.set_scores import SETS
from refbench.store import Manifest, Run, find_runs, load_run
from refbench.store.cell import SUMMARY
from refbench.store.linelog import read_lines
from refbench.store.manifest import DIGEST, MANIFEST
from refbench.store.reader import ROWS, SCORES
from refbench.untrusted.escape import markdown_text
from refbench.untrusted.files import read_bounded

SCHEMA = 1
README, INDEX = "README.md", "bundle.json"
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every member: a bundle of the same results is the same file, and says nothing about its maker's day."""


def export(request: ExportRequest) -> Exported:
    """Write the bundle ``request.out``. Raises UserError: no cells, two folders of one cell, no .zip."""
    if request.out.suffix.lower() != ".zip":
        raise UserError(f"out={request.out}: a bundle is a .zip file; name one")
    anonymous = bool(request.settings.get("anonymous"))
    share = str(request.settings.get("images") or "all")
    if share not in ("all", "none") and not share.isdecimal():
        raise UserError(f"images={share}: give all, none, or how many images of each cell")
    with opened(request.places) as places:
        folders = {f.resolve(): f for place in places for f in find_runs(place)}
        runs = [load_run(folder) for folder in folders.values()]
        _require_distinct(runs)
        index, left_out = [], []
        try:
            with atomic_file(request.out) as stream, _Zip(stream) as archive:
                for run in runs:
                    files, manifest, digests = _cell(run, anonymous)
                    name = run.manifest.run_key[:20]
                    for file, data in files.items():
                        archive.add(f"{name}/{file}", data)
                    kept, absent = _images(run, share, digests.digest)
                    for image, path in kept.items():
                        archive.copy(f"{name}/{image}", path)
                    if absent:
                        left_out.append(f"{name}: {absent} SR images")
                    if run.problems:
                        left_out.append(f"{name}: {len(run.problems)} damaged lines are copied as they are")
                    index.append(_entry(name, manifest, digests, len(kept)))
                joint = joint_digest(entry["digest"] for entry in index)
                document = {
                    "bundle": SCHEMA, "refbench": __version__, "digest": joint, "anonymous": anonymous,
                    "cells": index,
                }  # fmt: skip
                archive.add(INDEX, json.dumps(document, indent=1).encode("ascii"))
                archive.add(README, _readme(index, joint, anonymous).encode())
        except OSError as error:
            raise UserError(f"{request.out}: cannot write ({error.strerror or error})") from error
    return Exported((request.out,), tuple(left_out), {"digest": joint, "cells": len(index)})


class _Zip:
    """A zip whose members have no times and owners."""

    def __init__(self, stream: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(stream, "w")

    def __enter__(self) -> _Zip:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def add(self, name: str, data: bytes) -> None:
        """A text, packed."""
        self._zip.writestr(_member(name), data, zipfile.ZIP_DEFLATED)

    def copy(self, name: str, path: Path) -> None:
        """An image, which is packed already."""
        self._zip.writestr(_member(name), path.read_bytes(), zipfile.ZIP_STORED)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.external_attr = 0o644 << 16
    return info


def _require_distinct(runs: Sequence[Run]) -> None:
    there: dict[str, Path] = {}
    for run in runs:
        other = there.setdefault(run.manifest.run_key, run.path)
        if other is not run.path:
            raise UserError(f"{other} and {run.path} are the same cell; join them with refbench merge first")


def _cell(run: Run, anonymous: bool) -> tuple[dict[str, bytes], Manifest, CellDigests]:
    """The files of a cell by name, but for its images; the manifest and the digests that they state."""
    if anonymous:
        files, manifest, digests = anonymous_cell(run)
        for name, data in files.items():
            require_nameless(run, name, data)
        return files, manifest, digests
    files = {}
    for name in (MANIFEST, SUMMARY, SETS, DIGEST):
        try:
            files[name] = read_bounded(run.path / name)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{run.path / name}: cannot be read ({error.strerror or error})") from None
    for log in (ROWS, SCORES):
        for file, data in _logs(run.path, log):
            files[file] = files.get(file, b"") + data
    try:
        there = read_digests(run.path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{run.path / DIGEST}: damaged ({error}); repeat the run, which keeps its rows"
        ) from None
    if there is not None:
        return files, run.manifest, there
    # an earlier refbench, or a run that did not end: what is there now is what the bundle vouches for
    digests = digests_of(run)
    files[DIGEST] = (json.dumps(digests.json(), indent=1) + "\n").encode("ascii")
    return files, run.manifest, digests


def _logs(folder: Path, log: str) -> Iterator[tuple[str, bytes]]:
    """(file, line) of every complete line."""
    for line in read_lines(folder, log):
        yield line.file.name, line.data + b"\n"


def _images(run: Run, share: str, digest: str) -> tuple[dict[str, Path], int]:
    """Name -> file of the images that go along, and how many of the cell's do not. A number of them is drawn
    by the digest, so that nobody shows the best ones alone."""
    rows = [row for row in run.rows if row.ok and row.image is not None]
    wanted = rows
    if share == "none":
        wanted = []
    elif share.isdecimal():
        wanted = random.Random(digest).sample(rows, min(int(share), len(rows)))
    found: dict[str, Path] = {}
    for row in wanted:
        path = kept_image(run.path, row)
        if path is not None and row.image is not None:
            found[path.relative_to(run.path.resolve()).as_posix()] = path
    return dict(sorted(found.items())), sum(row.ok for row in run.rows) - len(found)


def _entry(name: str, manifest: Manifest, digests: CellDigests, images: int) -> dict[str, Any]:
    return {
        "folder": name,
        "run_key": manifest.run_key,
        "method": manifest.method_label or manifest.method,
        "dataset": manifest.dataset_label or manifest.dataset,
        "protocol": manifest.protocol,
        "seed": manifest.seed,
        "digest": digests.digest,
        "record": digests.record,
        "rows": digests.rows,
        "images": images,
    }


def _readme(index: Sequence[Mapping[str, Any]], joint: str, anonymous: bool) -> str:
    lines = [
        "# Results of refbench",
        "",
        f"A bundle of {len(index)} cells (method x dataset x protocol x seed), written by refbench "
        f"{__version__}: in each folder the manifest (what was run), the rows (one line per image and draw), "
        "the summary derived from them, digests of both, and SR images.",
        "",
        "    refbench audit THIS.zip      do rows, images, scores and summary agree?",
        "    refbench report THIS.zip     tables, curves, a page to look at",
        "    refbench merge THIS.zip out=results",
        "",
        f"Digest of all cells: `{joint}`. Nothing here is signed; sign the digest to vouch for the results.",
        "",
    ]
    if anonymous:
        lines += [
            "Made for a blind review: hosts, users, paths, command lines, addresses and commits of the "
            "user's repository are left out. The digests are those of the full results.",
            "",
        ]
    lines += ["| method | dataset | protocol | rows | images | digest |", "|---|---|---|---|---|---|"]
    for entry in index:
        texts = [str(entry[key]) for key in ("method", "dataset", "protocol", "rows", "images")]
        lines.append("| " + " | ".join([*map(markdown_text, texts), entry["digest"][:12]]) + " |")
    return "\n".join(lines) + "\n"
