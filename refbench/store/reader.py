"""Reading finished or running cells: rows merged over writers, with scores that were added later."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from refbench.errors import UserError
from refbench.store.linelog import Line, files_of, read_lines
from refbench.store.manifest import MANIFEST, Manifest, read_manifest
from refbench.store.partial import partial_text
from refbench.store.row import SampleRow, TrialKey
from refbench.store.scores import ScoreRow, with_scores
from refbench.untrusted.schema import SchemaError

ROWS = "samples"
SCORES = "scores"


@dataclass(frozen=True)
class Run:
    """One cell as it is on disk."""

    path: Path
    """The cell folder."""
    manifest: Manifest
    """What was run."""
    rows: tuple[SampleRow, ...]
    """One row per trial, sorted by sample id and draw."""
    problems: tuple[str, ...] = ()
    """Lines that could not be read, as ``file:line: reason``."""

    @property
    def partial(self) -> str:
        """``partial: shard 1/4`` for a divided cell that lacks rows, else empty."""
        if self.manifest.whole is None:
            return ""
        return partial_text(self.manifest, {row.key for row in self.rows})

    def completed(self) -> set[TrialKey]:
        """Trials that need not be run again."""
        return {row.key for row in self.rows if row.ok}


def read_rows(folder: Path) -> tuple[dict[TrialKey, SampleRow], list[str]]:
    """The row of each trial, and the lines that could not be read.

    An ``ok`` row wins over an error, whichever came first: a trial may be run again for a metric that was
    not asked for before, and when that fails the finished row still stands. Else the later row wins.
    """
    problems: list[str] = []
    merged: dict[TrialKey, SampleRow] = {}
    for line in read_lines(folder, ROWS):
        try:
            row = SampleRow.from_json(line.data)
        except SchemaError as error:
            problems.append(_problem(line, error))
            continue
        there = merged.get(row.key)
        if there is None or row.ok or not there.ok:
            merged[row.key] = row
    if merged:
        _add_scores(folder, merged, problems)
    return merged, problems


def _add_scores(folder: Path, rows: dict[TrialKey, SampleRow], problems: list[str]) -> None:
    for line in read_lines(folder, SCORES):
        try:
            score = ScoreRow.from_json(line.data)
        except SchemaError as error:
            problems.append(_problem(line, error))
            continue
        row = rows.get(score.key)
        if row is not None and row.ok:
            rows[score.key] = with_scores(row, score)


def _problem(line: Line, error: SchemaError) -> str:
    return f"{line.file}:{line.number}: not a row, left out: {error}"


def select(rows: dict[TrialKey, SampleRow], trials: Collection[TrialKey] | None) -> list[SampleRow]:
    """Rows of ``trials`` in their order (those that exist), or all rows sorted by id and draw."""
    if trials is None:
        return [rows[key] for key in sorted(rows)]
    return [rows[key] for key in trials if key in rows]


def find_runs(out: Path) -> list[Path]:
    """Cell folders in a results folder, sorted by name; ``out`` may be a cell folder itself.

    Raises UserError when ``out`` does not exist or holds no run.
    """
    if (out / MANIFEST).is_file():
        return [out]
    if out.is_file():
        raise UserError(f"{out}: is a file, not a results folder; a bundle (.zip) is unpacked first")
    if not out.is_dir():
        raise UserError(f"results folder {out}: not found; run something into it first, or set out=DIR")
    found = sorted(path.parent for path in out.glob(f"*/{MANIFEST}"))
    if not found:
        raise UserError(f"results folder {out}: holds no runs (no */{MANIFEST}); set out=DIR")
    return found


def older_cells(out: Path, schema: int) -> int:
    """Cells of a results folder whose run key has an older schema: a resume cannot reuse them."""
    older = 0
    for path in out.glob(f"*/{MANIFEST}"):
        try:
            found = read_manifest(path.parent).identity.get("schema", schema)
        except UserError:
            continue
        older += isinstance(found, int) and found < schema
    return older


def load_run(path: Path) -> Run:
    """Read a cell folder. Raises UserError when it has no readable manifest."""
    manifest = read_manifest(path)
    rows, problems = read_rows(path)
    return Run(path, manifest, tuple(select(rows, None)), tuple(problems))


def load_runs(paths: Iterable[Path]) -> list[Run]:
    """Read several cell folders, see :func:`load_run`."""
    return [load_run(path) for path in paths]


def row_files(folder: Path) -> list[Path]:
    """The files that hold the rows of a cell; the first is ``samples.jsonl`` where locks work."""
    return files_of(folder, ROWS)
