"""``refbench prepare --compare-manifest FILE``: is this copy the one behind somebody else's numbers?

FILE is a manifest that ``--write-manifest`` made (or ``sha256sum``), a list with git blob ids instead of
sha256 (where a file is published in a repository only), or the folder or manifest.json of a run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refbench.errors import UserError
from refbench.registry import load_class
from refbench.specs import DataRequest, DatasetSpec

from .fingerprint import file_digest
from .groups import check_contained
from .verify import kind_of, read_manifest, scan_of


@dataclass(frozen=True)
class Comparison:
    """This copy against another one, file by file, or as a whole where only its fingerprint is known."""

    other: str
    equal: int
    """Files here that are byte for byte the other copy's."""
    files: int
    """Files here."""
    differs: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    """Files of the other copy that are here under another name: ``theirs -> ours``."""
    only_here: tuple[str, ...] = ()
    only_there: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Every file of either copy is in the other one, with its name."""
        return self.files > 0 and self.equal == self.files and not self.only_there

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "ok": self.ok}

    def lines(self) -> list[str]:
        """For a terminal; every difference on its own line."""
        found = [f"{self.equal} of {self.files} files equal to the copy behind {self.other}"]
        found += [f"differs: {name}" for name in self.differs]
        found += [f"other name: {names}" for names in self.renamed]
        found += [f"only here: {name}" for name in self.only_here]
        found += [f"only there: {name}" for name in self.only_there]
        return [*found, "the same copy" if self.ok else "not the same copy"]


def compare_copy(spec: DatasetSpec, request: DataRequest, other: Path) -> Comparison:
    """Compare the copy that ``request`` points at with the one that ``other`` describes. UserError when
    either cannot be read."""
    if (run := _run_manifest(other)) is not None:
        return _with_run(spec, request, other, run)
    known = read_manifest(other)
    scan = scan_of(spec, request)
    check_contained(scan)
    here = {scan.name_of(path): path for path in scan.files()}
    equal = {name for name, path in here.items() if name in known and _is(path, known[name])}
    alone = [name for name in sorted(here) if name not in known]
    ours = {file_digest(here[name], kind): name for name in alone for kind in ("sha256", "git")}
    gone = sorted(name for name in known if name not in here)
    renamed = {name: ours[known[name]] for name in gone if known[name] in ours}
    return Comparison(
        str(other),
        len(equal),
        len(here),
        differs=tuple(name for name in sorted(here) if name in known and name not in equal),
        renamed=tuple(f"{theirs} -> {mine}" for theirs, mine in renamed.items()),
        only_here=tuple(name for name in alone if name not in renamed.values()),
        only_there=tuple(name for name in gone if name not in renamed),
    )


def _is(path: Path, digest: str) -> bool:
    return digest == file_digest(path, kind_of(digest))


def _run_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest of a run, None for any other file."""
    file = path / "manifest.json" if path.is_dir() else path
    if file.suffix != ".json":
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return data if isinstance(data["compare"]["dataset"], str) else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"manifest {file}: is not the manifest of a run ({error})") from error


def _with_run(spec: DatasetSpec, request: DataRequest, other: Path, run: dict[str, Any]) -> Comparison:
    dataset = load_class(spec.target)(request)
    files = len(scan_of(spec, request).files())
    same = dataset.fingerprint == run["compare"]["dataset"]
    what = f"{other} (told by the fingerprint of all files)"
    return Comparison(what, files if same else 0, files)
