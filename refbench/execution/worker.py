"""A worker: the loaded method and the opened dataset of one process, and how a trial becomes a row."""

from __future__ import annotations

import hashlib
import io
import math
import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol

import numpy as np

from refbench.errors import UserError
from refbench.execution.call import Attempt, Images, Settings, call
from refbench.execution.elsewhere import absolute_method
from refbench.execution.loader import load_method, resolve_weights
from refbench.execution.matching_scores import matching_scores
from refbench.execution.measure.work import WorkCounter
from refbench.execution.problem import Problem, one_line, place_of, problem_at
from refbench.identity.pixels import pixel_sha256
from refbench.metrics.metric_set import MetricSet
from refbench.plan.job import CellJob, DataJob, MethodJob, Task, TaskResult
from refbench.plan.method_hooks import advice_of
from refbench.protocols.degradations import load_degradation
from refbench.protocols.transforms import load_transform
from refbench.registry import is_file_locator, load_class, spec_in_file
from refbench.specs import DataRequest, MetricSpec
from refbench.store.row import SampleRow
from refbench.types import Dataset, Image, Method, Preflight, Sample, Trial, TrialMeta

SAMPLES_KEPT = 2
"""Decoded samples that stay in memory: the draws of one sample follow each other."""


@dataclass
class Prepared:
    """A trial on its way to the network, or the error that kept it from getting there."""

    task: Task
    trial: Trial | None
    problem: Problem | None
    decode_seconds: float
    degrade_seconds: float


@dataclass
class Restored:
    """A trial behind the network, on its way to scoring."""

    prepared: Prepared
    attempt: Attempt
    device: str
    isolation: str = ""
    again: Attempt | None = None
    """A second call on the same input, where the run asked for it."""


def png_bytes(image: Image) -> bytes:
    """Encode as PNG at a fast compression level: SR is read back far less often than written."""
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


class Caller(Protocol):
    """A loaded method, wherever it is."""

    isolation: str
    """``process``: it has one of its own; ``in-process``: it shares the worker's."""

    def load(self) -> None:
        """Make it ready. Raises UserError."""
        ...

    def call(self, images: Images, settings: Settings) -> Attempt:
        """One trial; never raises for what the method does."""
        ...

    def preflight(self, trials: Sequence[TrialMeta]) -> list[str]:
        """What would go wrong, see :class:`refbench.types.Preflight`."""
        ...

    def advice(self, trials: Sequence[TrialMeta]) -> list[str]:
        """What to do about what the preflight found."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class InProcess:
    """A bundled method, or a live Python callable: it runs in this process."""

    isolation = "in-process"

    def __init__(self, method: Method) -> None:
        self._method, self._work = method, WorkCounter()

    def load(self) -> None:
        """It is loaded."""

    def call(self, images: Images, settings: Settings) -> Attempt:
        """See :func:`refbench.execution.call.call`."""
        return call(self._method, images, settings, self._work)

    def preflight(self, trials: Sequence[TrialMeta]) -> list[str]:
        """The method's own; empty for one without."""
        return self._method.preflight(trials) if isinstance(self._method, Preflight) else []

    def advice(self, trials: Sequence[TrialMeta]) -> list[str]:
        """The method's own; empty for one without."""
        return advice_of(self._method, trials)

    def close(self) -> None:
        """Nothing to end."""


def open_method(job: MethodJob, timeout: float | None = None, hidden: Sequence[str] = ()) -> Caller:
    """The method of a job: third-party code in a process of its own, others in this one. Raises UserError.

    timeout: seconds for one image, where it has a process that can be stopped. hidden: folders (the
    dataset's) that a process of its own is not told.
    """
    if not job.own_process:
        return InProcess(method_of(job))
    import torch

    from refbench.execution.method_process import MethodProcess

    return MethodProcess(absolute_method(job), torch.get_num_threads(), timeout, hidden)


class Worker:
    """Loads each method and dataset once and turns tasks into rows.

    The three steps of a trial (:meth:`prepare`, :meth:`restore`, :meth:`finish`) are separate so that an
    executor can overlap them; each may run on its own thread, one trial at a time per step.
    """

    def __init__(self, cells: Mapping[str, CellJob], timeout: float | None = None) -> None:
        """timeout: seconds for one image of a method that has a process of its own."""
        self._cells, self._timeout = cells, timeout
        self._method: tuple[MethodJob, Caller] | None = None
        self._datasets: dict[str, Dataset] = {}
        self._samples: OrderedDict[tuple[str, str], Sample] = OrderedDict()
        self._metrics: dict[tuple[str, ...], MetricSet] = {}

    def method(self, cell: CellJob) -> Caller:
        """The loaded method. Only one is held: tasks come grouped by method. Raises UserError."""
        if self._method is None or self._method[0] != cell.method:
            self.close()
            hidden = hidden_folders(cell.data.request)
            self._method = (cell.method, open_method(cell.method, self._timeout, hidden))
        self._method[1].load()
        return self._method[1]

    def close(self) -> None:
        """End the method's process, if it has one."""
        if self._method is not None:
            self._method[1].close()
            self._method = None

    def import_needs(self) -> None:
        """Import what preparing and scoring take: two threads that import one package at once may find it
        half made."""
        for cell in self._cells.values():
            load_class(cell.data.target)
            cell.protocol.reference.import_needs()
            names: tuple[str, ...] = ()
            if cell.protocol.transform is not None:
                names += load_transform(cell.protocol.transform).imports
            if cell.protocol.degradation is not None:
                names += load_degradation(cell.protocol.degradation).imports
            for name in names:
                import_module(name)
            self.metrics(cell.metrics)
        from PIL import Image as PilImage

        # the readers and writers of formats
        PilImage.preinit()

    def _sample(self, job: DataJob, sample_id: str) -> Sample:
        key = (job.id, sample_id)
        if key not in self._samples:
            if job.id not in self._datasets:
                self._datasets[job.id] = load_class(job.target)(job.request)
            self._samples[key] = self._datasets[job.id].load(sample_id)
            while len(self._samples) > SAMPLES_KEPT:
                self._samples.popitem(last=False)
        return self._samples[key]

    def prepare(self, task: Task) -> Prepared:
        """Decode and degrade. Errors are kept in the result, never raised."""
        cell = self._cells[task.cell]
        start = time.perf_counter()
        decoded = start
        try:
            sample = self._sample(cell.data, task.sample_id)
            decoded = time.perf_counter()
            trial = cell.protocol.apply(sample, task.draw, cell.seed, self._datasets[cell.data.id])
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Prepared(task, None, problem_at("decode", error), decoded - start, 0.0)
        return Prepared(task, trial, None, decoded - start, time.perf_counter() - decoded)

    def restore(self, prepared: Prepared) -> Restored:
        """Run the network. A UserError from loading the method is raised; a trial's own error is kept."""
        cell, trial = self._cells[prepared.task.cell], prepared.trial
        if trial is None:
            return Restored(prepared, Attempt(problem=prepared.problem), cell.method.device)
        method = self.method(cell)
        images = shown(cell, trial)
        settings = Settings(
            device=cell.method.device,
            precision=cell.method.precision,
            memory_limit=cell.method.memory_limit,
            tiles=cell.method.spec.tiles,
            keep_match=trial.truth is not None,
            keep_exact=any(spec.exact for spec in cell.metrics),
            count=prepared.task.count,
        )
        attempt = method.call(images, settings)
        again = None
        if cell.repeat > 1 and attempt.problem is None:
            again = method.call(images, replace(settings, keep_match=False, count=""))
            if again.problem is not None:
                text = f"the second call on the same input failed: {again.problem.text}"
                attempt = Attempt(problem=replace(again.problem, text=text), seconds=attempt.seconds)
        return Restored(prepared, attempt, cell.method.device, method.isolation, again)

    def metrics(self, specs: tuple[MetricSpec, ...]) -> MetricSet:
        """The metric functions of ``specs``, built once."""
        key = tuple(spec.signature for spec in specs)
        if key not in self._metrics:
            self._metrics[key] = MetricSet(specs)
        return self._metrics[key]

    def finish(self, restored: Restored) -> TaskResult:
        """Score, encode, and make the row."""
        prepared, attempt, task = restored.prepared, restored.attempt, restored.prepared.task
        cell, trial = self._cells[task.cell], prepared.trial
        start = time.perf_counter()
        problem = attempt.problem
        values: Mapping[str, float | None] = {}
        absent: Mapping[str, str] = {}
        repeated: Mapping[str, float | None] = {}
        if attempt.sr is not None and trial is not None:
            try:
                values, absent = self.metrics(cell.metrics).score(attempt.sr, trial, attempt.exact)
                repeated = self._apart(cell, trial, values, attempt, restored.again)
                if trial.truth is not None:
                    matched, reasons = matching_scores(attempt.match, trial)
                    values, absent = {**values, **matched}, {**absent, **reasons}
            except KeyboardInterrupt:
                raise
            except BaseException as failure:
                problem = problem_at("score", failure)
        scored = time.perf_counter()
        # the image of a trial that failed in scoring would stand in the way of the one that a retry keeps
        keep = attempt.sr is not None and cell.images and problem is None
        png = png_bytes(attempt.sr) if keep and attempt.sr is not None else None
        seconds = {
            "decode": prepared.decode_seconds,
            "degrade": prepared.degrade_seconds,
            "method": attempt.seconds,
            "score": scored - start,
        }
        seconds["total"] = sum(seconds.values())
        row = SampleRow(
            sample_id=task.sample_id,
            draw=task.draw,
            status="ok" if problem is None else "error",
            error=problem.text if problem is not None else "",
            error_kind=problem.kind if problem is not None else "",
            metrics=values if problem is None else {},
            absent=absent,
            ref_names=trial.ref_names if trial is not None else (),
            notes=dict(trial.notes) if trial is not None else {},
            hr_size=size_of(trial.target) if trial is not None else None,
            lr_size=size_of(trial.lr) if trial is not None else None,
            ref_sizes=tuple((r.shape[0], r.shape[1]) for r in trial.refs) if trial is not None else (),
            seconds={k: round(v, 6) for k, v in seconds.items()},
            stages={k: dict(v) for k, v in attempt.stages.items()},
            peak_mb=round(attempt.peak_mb, 1) if attempt.peak_mb is not None else None,
            device=restored.device,
            work=attempt.work,
            tiles=attempt.tiles,
            fallback=attempt.fallback,
            approx=attempt.approx,
            recall=attempt.recall,
            sr_sha256=None if attempt.sr is None or problem is not None else pixel_sha256(attempt.sr),
            hr_sha256=None if trial is None or trial.target is None else pixel_sha256(trial.target),
            lr_sha256=None if trial is None else pixel_sha256(trial.lr),
            ref_sha256=tuple(pixel_sha256(r) for r in trial.refs) if trial is not None else (),
            isolation=restored.isolation,
            refs_read=attempt.refs_read
            if attempt.sr is not None and cell.method.spec.uses_reference
            else None,
            repeated=repeated if problem is None else {},
        )
        trace = problem.trace if problem is not None else ""
        return TaskResult(task, row, png, trace, problem is not None and problem.lasting)

    def _apart(
        self,
        cell: CellJob,
        trial: Trial,
        values: Mapping[str, float | None],
        first: Attempt,
        again: Attempt | None,
    ) -> dict[str, float | None]:
        """How far the scores of a second call are from those of the first; empty without one."""
        if first.sr is None or again is None or again.sr is None:
            return {}
        exact = first.exact is None or again.exact is None or np.array_equal(first.exact, again.exact)
        if exact and np.array_equal(first.sr, again.sr):
            return dict.fromkeys(values, 0.0)
        second, _ = self.metrics(cell.metrics).score(again.sr, trial, again.exact)
        apart: dict[str, float | None] = {}
        for name, value in values.items():
            other = second.get(name)
            if value is not None and other is not None:
                size = 0.0 if value == other else abs(value - other)
                apart[name] = size if math.isfinite(size) else None
        return apart


def shown(cell: CellJob, trial: Trial) -> Images:
    """What the method of a cell sees of a trial. Names that lead to the dataset's files are for methods that
    read files; others get an id and names that say nothing, and are the same in every run."""
    scale = cell.protocol.card.scale
    if cell.method.spec.reads_files:
        return Images(
            trial.lr, trial.refs, scale, trial.sample_id, trial.ref_names, trial.sr_cut, trial.sr_fit,
            trial.colour_fix,
        )  # fmt: skip
    text = f"{cell.key}/{trial.sample_id}/{trial.draw}"
    names = tuple(f"ref_{i + 1}.png" for i in range(len(trial.refs)))
    opaque = f"trial-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return Images(trial.lr, trial.refs, scale, opaque, names, trial.sr_cut, trial.sr_fit, trial.colour_fix)


def hidden_folders(request: DataRequest) -> tuple[str, ...]:
    """The dataset's folders and files, as a method's process must not be told them."""
    found = [request.root, *request.options.values()]
    paths = [os.path.expanduser(text) for text in found if text and os.sep in text]
    spellings = (spell(path) for path in paths for spell in (os.path.abspath, os.path.realpath))
    return tuple(dict.fromkeys(path for path in spellings if os.path.exists(path) and path != os.sep))


def size_of(image: Image | None) -> tuple[int, int] | None:
    """(H, W) of an image."""
    return None if image is None else (image.shape[0], image.shape[1])


def load_job(job: MethodJob) -> Method:
    """The method of a job; what its constructor raises goes through."""
    spec = spec_in_file(job.locator) if is_file_locator(job.locator) else job.spec
    weights = resolve_weights(spec, job.weights, job.weights_root)
    return load_method(spec, weights, dict(job.params), job.device)


def method_of(job: MethodJob) -> Method:
    """:func:`load_job` in this process. Raises UserError with one line, whatever goes wrong."""
    try:
        return load_job(job)
    except UserError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        place = place_of(error.__traceback__)
        raise UserError(
            f"method {job.spec.name} cannot be loaded: {one_line(error)}{f' ({place})' if place else ''}; "
            "see it with --traceback"
        ) from error
