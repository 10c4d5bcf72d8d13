"""The store of one cell (method x dataset x protocol x seed): the only writer of truth."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from refbench.files.disk import explained, make_folder, remove_stale, vanished, write_atomic
from refbench.files.locks import exclusive
from refbench.identity.keys import folder_name
from refbench.store.images import IMAGES, write_image
from refbench.store.linelog import LineLog
from refbench.store.manifest import (
    LOCK,
    Manifest,
    add_metrics,
    forget_digest,
    join_manifest,
    update_session,
)
from refbench.store.reader import ROWS, SCORES, read_rows, row_files, select
from refbench.store.row import SampleRow, TrialKey
from refbench.store.scores import ScoreRow

SUMMARY = "summary.json"


class CellStore:
    """``results/<run key>/{manifest.json, samples.jsonl, summary.json, images/}``, open for writing.

    Everything inside refers to everything else by relative paths, so a folder may be moved. Several
    processes may have the same cell open: each appends to a file of its own and readers merge them
    (see refbench.store.linelog). All methods raise UserError, naming the folder and the remedy, when
    the disk is full or the folder not writable; what was written before is kept.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.problems: list[str] = []
        """Damaged lines found by the last reading, as ``file:line: reason``."""
        self.repairs: tuple[str, ...] = ()
        """What :meth:`open` found damaged and put right, a line each."""
        self._log: LineLog | None = None
        self._scores: LineLog | None = None
        self._arriving: Manifest | None = None

    @classmethod
    def open(cls, out: Path, run_key: str, manifest: Manifest) -> CellStore:
        """Create or reopen the cell of ``run_key`` inside the results folder ``out``.

        ``manifest`` is written, or its metrics are added to the one that is there. Its sessions enter
        with the first row that is appended; nothing is locked before that.
        """
        if manifest.run_key != run_key:
            raise ValueError("the manifest is of another run key")
        folder = out / folder_name(run_key)
        with explained(out):
            make_folder(folder, out)
        repairs: list[str] = []
        there = join_manifest(folder, replace(manifest, sessions=()), repairs.append)
        store = cls(folder, there)
        store.repairs = tuple(repairs)
        store._arriving = replace(there, sessions=manifest.sessions)
        return store

    @staticmethod
    def peek_completed(out: Path, run_key: str) -> set[TrialKey]:
        """The completed trials of a cell that may not exist yet; creates and locks nothing."""
        rows, _ = read_rows(out / folder_name(run_key))
        return {key for key, row in rows.items() if row.ok}

    def __enter__(self) -> CellStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, row: SampleRow) -> None:
        """Add one row; when this returns, a kill of the process cannot take the row back."""
        text = row.to_json()
        self._arrive()
        if self._log is None:
            self._log = LineLog(self.folder, ROWS)
            self.forget_digest()
        self._log.append(text)

    def _arrive(self) -> None:
        """Enter this session into the manifest, before its first row."""
        if self._arriving is not None:
            if not self.folder.is_dir():
                raise vanished(self.folder)
            self.manifest = join_manifest(self.folder, self._arriving)
            self._arriving = None
            remove_stale(self.folder)
            remove_stale(self.folder / IMAGES)

    def append_score(self, score: ScoreRow) -> None:
        """Add metric values to an existing row without repeating inference."""
        text = score.to_json()
        self._arrive()
        if self._scores is None:
            self._scores = LineLog(self.folder, SCORES)
            self.forget_digest()
        self._scores.append(text)

    def forget_digest(self) -> None:
        """Remove the digests: what they cover is about to change. Raises UserError."""
        # not while another run's end computes them
        with explained(self.folder), exclusive(self.folder / LOCK, self.folder.parent):
            forget_digest(self.folder)

    def add_metrics(self, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        """Record alias -> signature, unit, ... of metrics that were scored later."""
        add_metrics(self.folder, metrics)

    def completed(self) -> set[TrialKey]:
        """Trials whose winning row is ``ok``; rows with an error do not satisfy a resume."""
        return {row.key for row in self.rows() if row.ok}

    def pending(self, trials: Iterable[TrialKey]) -> list[TrialKey]:
        """What a resume has to do: ``trials`` without the completed ones, in the given order."""
        done = self.completed()
        return [key for key in trials if key not in done]

    def rows(self, trials: Collection[TrialKey] | None = None) -> list[SampleRow]:
        """One row per trial, with scores that were added later.

        With ``trials``: those, in that order, as far as they exist, so that a summary covers what was
        asked for and is the same after an interruption. Without: all, sorted by id and draw.
        """
        rows, self.problems = read_rows(self.folder)
        return select(rows, trials)

    def rows_path(self) -> Path:
        """The file with this cell's rows (of the first writer, when several ran at once)."""
        if self._log is not None:
            return self._log.path
        return next(iter(row_files(self.folder)), self.folder / f"{ROWS}.jsonl")

    def write_image(self, sample_id: str, draw: int, png: bytes) -> str:
        """Keep an SR image; returns its path relative to the cell folder, for ``SampleRow.image``.

        Call it before ``append``: then every row that names an image has one.
        """
        return write_image(self.folder, sample_id, draw, png)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Replace ``summary.json``; derived from the trials that were asked for. Its numbers are never read
        back, only when it was made (``finished``)."""
        text = json.dumps(summary, indent=1, allow_nan=False)
        with explained(self.folder):
            write_atomic(self.folder / SUMMARY, (text + "\n").encode("ascii"), self.folder.parent)

    def finish_session(self, session_id: str, facts: Mapping[str, Any]) -> None:
        """Add facts such as ``finished`` and ``rows`` to a session in the manifest."""
        update_session(self.folder, session_id, facts)

    def close(self) -> None:
        """Sync and unlock; the store can be read afterwards, and the next row opens it again."""
        rows, scores, self._log, self._scores = self._log, self._scores, None, None
        try:
            if rows is not None:
                rows.close()
        finally:
            if scores is not None:
                scores.close()
