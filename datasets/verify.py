"""``refbench prepare dataset=X data.root=DIR``: is this copy complete, decodable and unchanged?

No official checksums exist for the RefSR test sets. ``--write-manifest`` records a copy's own, in the
format of ``sha256sum``, so that a later check or another machine can tell which files differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from refbench.errors import SampleError, UserError
from refbench.files.disk import write_atomic
from refbench.imaging import read_image
from refbench.registry import load_class
from refbench.specs import DataRequest, DatasetSpec

from .fingerprint import file_digest, file_sha256
from .groups import Scan, check_contained
from .roots import how_to_get

MANIFEST_NAME = "refbench.sha256"
"""Written into the data root unless another place is named; readable by ``sha256sum -c``."""

_LINE = re.compile(r"([0-9a-f]{64}|[0-9a-f]{40}) [ *](.+)")
"""sha256, or the id of a git blob."""


@dataclass(frozen=True)
class CopyReport:
    """What a check of one copy found."""

    dataset: str
    root: str
    expected: int | None
    """Samples in a complete copy; None when the set has no fixed number."""
    found: int
    files: int
    missing: tuple[str, ...]
    undecodable: tuple[str, ...]
    """One line a file: its path and the reason."""
    manifest: str | None
    """The manifest that was compared with; None: there is none."""
    differs: tuple[str, ...]
    """Files whose sha256 is not the manifest's."""
    unlisted: tuple[str, ...]
    """Files of the set that the manifest does not know."""
    absent: tuple[str, ...]
    """Files of the manifest that are not there."""
    source: str = ""
    """Where the set is to be had."""

    @property
    def complete(self) -> bool:
        """All samples there, none with a missing file."""
        return not self.missing and self.found > 0 and self.expected in (None, self.found)

    @property
    def ok(self) -> bool:
        """Complete, every image decodable, and no difference from the manifest."""
        return self.complete and not (self.undecodable or self.differs or self.unlisted or self.absent)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "complete": self.complete, "ok": self.ok}

    def lines(self) -> list[str]:
        """For a terminal; every problem on its own line."""
        total = f" of {self.expected}" if self.expected is not None else ""
        head = [f"{self.dataset} in {self.root}: {self.found}{total} samples, {self.files} files"]
        problems = [f"missing: {name}" for name in self.missing]
        problems += [f"undecodable: {line}" for line in self.undecodable]
        problems += [f"differs from {self.manifest}: {name}" for name in self.differs]
        problems += [f"not in {self.manifest}: {name}" for name in self.unlisted]
        problems += [f"in {self.manifest} but not here: {name}" for name in self.absent]
        if not self.complete:
            remedy = "runs with data.partial=true" if self.found else "nothing to run"
            problems.append(f"incomplete: {remedy}; {self.source}")
        if self.manifest is None:
            head.append("no checksums to compare with (record this copy's own: --write-manifest)")
        return [*head, *problems, "ok" if self.ok else f"problems: {len(problems)}"]


def verify_copy(
    spec: DatasetSpec,
    request: DataRequest,
    manifest: Path | None = None,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> CopyReport:
    """Check the copy that ``request`` points at: count, names, every image decoded, sha256 where known.

    ``manifest``: a checksum file; None: :data:`MANIFEST_NAME` in the root, where it exists. ``say`` gets
    (files done, files in all). Raises UserError when the root is missing or the manifest unreadable.
    """
    scan = scan_of(spec, request)
    check_contained(scan)
    source = manifest if manifest is not None else scan.root / MANIFEST_NAME
    listed = read_manifest(source) if manifest is not None or source.is_file() else None
    names = {scan.name_of(path): path for path in scan.files()}
    undecodable: list[str] = []
    images = scan.images()
    for done, path in enumerate(names.values(), start=1):
        try:
            if path in images:
                read_image(path)
        except SampleError as error:
            undecodable.append(str(error))
        say(done, len(names))
    known = listed or {}
    return CopyReport(
        dataset=spec.name,
        root=str(scan.root),
        expected=spec.count,
        found=len(scan.groups),
        files=len(names),
        missing=scan.missing,
        undecodable=tuple(undecodable),
        manifest=str(source) if listed is not None else None,
        differs=tuple(
            n
            for n, p in sorted(names.items())
            if n in known and known[n] != file_digest(p, kind_of(known[n]))
        ),
        unlisted=tuple(sorted(set(names) - set(known))) if listed is not None else (),
        absent=tuple(sorted(set(known) - set(names))),
        source=how_to_get(spec),
    )


def write_manifest(spec: DatasetSpec, request: DataRequest, path: Path | None = None) -> Path:
    """Record the sha256 of every file of the set; returns the manifest's path. UserError if unwritable."""
    scan = scan_of(spec, request)
    check_contained(scan)
    target = path if path is not None else scan.root / MANIFEST_NAME
    lines = sorted((scan.name_of(file), file_sha256(file)) for file in scan.files())
    if not lines:
        raise UserError(f"{spec.name}: looked in {scan.root} for {spec.layout}, found nothing to record")
    try:
        write_atomic(target, "".join(f"{digest}  {name}\n" for name, digest in lines).encode())
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def kind_of(digest: str) -> str:
    """Of a manifest's checksum: ``sha256`` or ``git``."""
    return "sha256" if len(digest) == 64 else "git"


def read_manifest(path: Path) -> dict[str, str]:
    """File name -> sha256 hex, or git blob id, from a file as ``sha256sum`` writes it. Lines that start with
    ``#`` are skipped. UserError naming the first other line that is not of that form."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"manifest {path}: cannot be read ({error})") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise UserError(f"manifest {path}, line {number}: expected '<sha256>  <file>', got {line[:60]!r}")
        found[match[2]] = match[1]
    return found


def scan_of(spec: DatasetSpec, request: DataRequest) -> Scan:
    """The adapter's own ``scan`` (next to its ``open_dataset``). UserError for adapters without one."""
    found = load_class(f"{spec.target.partition(':')[0]}:scan")(request)
    assert isinstance(found, Scan)
    return found
