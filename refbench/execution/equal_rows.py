"""Rows of cells that are equal by construction to another: made from that cell's rows, without a call.

Each trial is made anew, so that its row says what the method was given, and the digests of what the method
reads are compared with those of the row it repeats. Where they differ, or that row has no image that has to
be kept, the trial is computed like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from refbench.execution.worker import Worker, size_of
from refbench.identity.pixels import pixel_sha256
from refbench.nets.reference_use import references_read
from refbench.plan.job import Task, TaskResult
from refbench.plan.planner import Cell
from refbench.results.scoring import kept_image
from refbench.store import CellStore, SampleRow
from refbench.types import Trial


class EqualRows:
    """Makes the rows of cells that repeat others."""

    def __init__(self, equal: Mapping[str, Cell], cells: Mapping[str, Cell]) -> None:
        """equal: run key -> the cell that it repeats; cells: every cell by its run key."""
        self._equal, self._cells = equal, cells
        self._worker = Worker({key: cells[key].job for key in equal})
        self._rows: dict[str, dict[tuple[str, int], SampleRow]] = {}

    def make(self, task: Task, stores: Mapping[str, CellStore]) -> TaskResult | None:
        """The row of ``task``; None where it has to be computed."""
        cell, source = self._cells[task.cell], self._equal[task.cell]
        if source.key not in self._rows:
            # one source serves many cells, which come one after the other
            self._rows = {source.key: {row.key: row for row in stores[source.key].rows(source.trials())}}
        row = self._rows[source.key].get((task.sample_id, task.draw))
        if row is None or not row.ok or row.lr_sha256 is None or (cell.job.repeat > 1 and not row.repeated):
            return None
        image = kept_image(stores[source.key].folder, row)
        if cell.job.images and image is None:
            return None
        trial = self._worker.prepare(task).trial
        job = cell.job.method
        # one that cannot be made (fewer references than this protocol hands out) becomes its own error row
        if trial is None or not _same(row, trial, references_read(job.spec, dict(job.params))):
            return None
        made = replace(
            row,
            ref_names=trial.ref_names,
            ref_sizes=tuple(size for ref in trial.refs if (size := size_of(ref)) is not None),
            ref_sha256=tuple(pixel_sha256(ref) for ref in trial.refs),
            notes=dict(trial.notes),
            image=None,
            attempts=1,
            equal_to={"run_key": source.key, "protocol": source.protocol.id},
        )
        return TaskResult(task, made, image.read_bytes() if cell.job.images and image is not None else None)


def _same(row: SampleRow, trial: Trial, read: int) -> bool:
    """Whether a trial hands a method that reads ``read`` references what the row's trial handed it."""
    target = None if trial.target is None else pixel_sha256(trial.target)
    mine = tuple(pixel_sha256(ref) for ref in trial.refs[:read])
    return (row.hr_sha256, row.lr_sha256, row.ref_sha256[:read]) == (target, pixel_sha256(trial.lr), mine)
