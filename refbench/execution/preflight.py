"""What is asked of methods before anything is computed: is their input there (folder)?"""

from __future__ import annotations

from collections.abc import Sequence

from refbench.errors import SampleError
from refbench.execution.worker import hidden_folders, open_method
from refbench.plan.job import Task
from refbench.plan.method_hooks import require_preflight
from refbench.plan.planner import Cell
from refbench.registry import load_class
from refbench.types import Dataset, Outlined, Preflight, Sample, TrialMeta


def preflight(cells: Sequence[Cell], tasks: Sequence[Task]) -> None:
    """Let methods that can (folder) name missing input before anything is computed, from image headers alone.

    Raises UserError.
    """
    by_key = {cell.key: cell for cell in cells}
    asked: dict[str, dict[str, Task]] = {}
    for task in tasks:
        asked.setdefault(task.cell, {}).setdefault(task.sample_id, task)
    for key, first in asked.items():
        cell = by_key[key]
        job = cell.job.method
        if not job.spec.reads_files:
            continue
        if not job.own_process and not issubclass(_as_class(load_class(job.spec.target)), Preflight):
            continue
        method = open_method(job, hidden=hidden_folders(cell.job.data.request))
        try:
            method.load()
            metas = trial_metas(cell, list(first.values()))
            problems = method.preflight(metas)
            advice = method.advice(metas) if problems else []
            require_preflight(problems, metas, f"method={cell.method}", advice)
        finally:
            method.close()


class Outlines:
    """A dataset whose samples are outlines where it can give them: policies that take another sample's image
    decode none for a preflight."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    @property
    def name(self) -> str:
        """The dataset's."""
        return self._dataset.name

    @property
    def label(self) -> str:
        """The dataset's."""
        return self._dataset.label

    @property
    def fingerprint(self) -> str:
        """The dataset's."""
        return self._dataset.fingerprint

    def load(self, sample_id: str) -> Sample:
        """The sample's outline. Raises SampleError."""
        dataset = self._dataset
        return dataset.outline(sample_id) if isinstance(dataset, Outlined) else dataset.load(sample_id)

    def ids(self) -> tuple[str, ...]:
        """The dataset's."""
        return self._dataset.ids()


def trial_metas(cell: Cell, tasks: Sequence[Task]) -> list[TrialMeta]:
    """Reference names and the scored size of each trial, from image headers. One that cannot be made is left
    out: it will be an error row, whatever the method has for it."""
    dataset = Outlines(load_class(cell.job.data.target)(cell.job.data.request))
    metas = []
    for task in tasks:
        try:
            sample = dataset.load(task.sample_id)
            names, size = cell.protocol.outline(sample, task.draw, cell.job.seed, dataset)
        except SampleError:
            continue
        metas.append(TrialMeta(task.sample_id, names, size))
    return metas


def _as_class(found: object) -> type:
    return found if isinstance(found, type) else type(found)
