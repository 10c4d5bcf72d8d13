"""A worker: the loaded method and the opened dataset of one process, and how a trial becomes a row."""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from refbench.errors import SampleError, UserError
from refbench.execution.attempt import Attempt, attempt
from refbench.execution.matching_scores import matching_scores
from refbench.execution.measure.work import WorkCounter
from refbench.execution.metric_set import MetricSet
from refbench.execution.precision import precision_scope
from refbench.loader import load_method, resolve_weights
from refbench.matching.result import Match
from refbench.plan.job import CellJob, DataJob, MethodJob, Task, TaskResult
from refbench.plan.method_hooks import measured_cost
from refbench.registry import is_file_locator, load_class, spec_in_file
from refbench.store.row import SampleRow
from refbench.tensors import to_tensor
from refbench.tiling.budget import bounded
from refbench.tiling.fallback import out_of_memory, tiled_limit
from refbench.tiling.passes import TooLittleMemory
from refbench.types import Dataset, Image, Input, Method, Sample, Trial

SAMPLES_KEPT = 2
"""Decoded samples that stay in memory: the draws of one sample follow each other."""


@dataclass
class Prepared:
    """A trial on its way to the network, or the error that kept it from getting there."""

    task: Task
    trial: Trial | None
    error: BaseException | None
    decode_seconds: float
    degrade_seconds: float


@dataclass
class Restored:
    """SR of a trial with its costs, on its way to scoring."""

    prepared: Prepared
    sr: Image | None
    error: BaseException | None
    seconds: float
    stages: Mapping[str, Mapping[str, float]]
    peak_mb: float | None
    device: str
    match: Match | None = None
    """The method's first matching, where the protocol knows the truth."""
    work: Mapping[str, float] = field(default_factory=dict)
    """Parameters and FLOPs; of each cell's first trial only."""
    tiles: Mapping[str, int] = field(default_factory=dict)
    fallback: str | None = None
    approx: str | None = None
    recall: float | None = None


def png_bytes(image: Image) -> bytes:
    """Encode as PNG at a fast compression level: SR is read back far less often than written."""
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


class Worker:
    """Loads each method and dataset once and turns tasks into rows.

    The three steps of a trial (:meth:`prepare`, :meth:`restore`, :meth:`finish`) are separate so that an
    executor can overlap them; each may run on its own thread, one trial at a time per step.
    """

    def __init__(self, cells: Mapping[str, CellJob]) -> None:
        self._cells = cells
        self._method: tuple[MethodJob, Method] | None = None
        self._datasets: dict[str, Dataset] = {}
        self._samples: OrderedDict[tuple[str, str], Sample] = OrderedDict()
        self._metrics: dict[tuple[str, ...], MetricSet] = {}
        self._work = WorkCounter()
        self._counted: set[str] = set()

    def method(self, job: MethodJob) -> Method:
        """The loaded method. Only one is held: tasks come grouped by method. Raises UserError."""
        if self._method is None or self._method[0] != job:
            self._method = None
            self._method = (job, method_of(job))
            self._work = WorkCounter()
        return self._method[1]

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
        except (Exception, SystemExit) as error:
            return Prepared(task, None, error, decoded - start, 0.0)
        return Prepared(task, trial, None, decoded - start, time.perf_counter() - decoded)

    def restore(self, prepared: Prepared) -> Restored:
        """Run the network. A UserError from loading the method is raised; a trial's own error is kept."""
        import torch

        cell = self._cells[prepared.task.cell]
        method = self.method(cell.method)
        device = torch.device(cell.method.device)
        if prepared.trial is None:
            return Restored(prepared, None, prepared.error, 0.0, {}, None, cell.method.device)
        trial = prepared.trial

        def make() -> Input:
            return Input(
                lr=to_tensor(trial.lr).to(device),
                refs=tuple(to_tensor(r).to(device) for r in trial.refs),
                scale=cell.protocol.card.scale,
                sample_id=trial.sample_id,
                ref_names=trial.ref_names,
                sr_cut=trial.sr_cut,
            )

        def call(limit: int | None) -> Attempt:
            return attempt(method, make, self._scope(cell), device, limit, trial.truth is not None)

        limit, fallback = cell.method.memory_limit, None
        done = call(limit)
        if done.no_memory and cell.method.spec.tiles:
            limit, fallback = tiled_limit(device, limit), "tiled"
            done = call(limit)
        if done.inp is None:
            return Restored(
                prepared, None, done.error, done.seconds, {}, None, str(device), fallback=fallback
            )
        elsewhere = measured_cost(method) or {}
        peak = elsewhere.get("peak_gpu_mb", elsewhere.get("peak_rss_mb", done.peak_mb))
        # counting doubles the memory's trouble, and a call that needed tiles is long
        tiled = fallback is not None or max(done.tiles.values(), default=1) > 1
        work = {} if tiled else self._work_of(prepared.task.cell, method, done.inp)
        return Restored(
            prepared,
            done.sr,
            None,
            done.seconds,
            done.stages,
            peak,
            str(device),
            done.heard.match,
            work,
            done.tiles,
            fallback,
            done.heard.approx,
            done.heard.recall,
        )

    def _scope(self, cell: CellJob) -> ExitStack:
        """Without gradients, in the cell's precision."""
        import torch

        stack = ExitStack()
        stack.enter_context(torch.inference_mode())
        stack.enter_context(precision_scope(cell.method.precision))
        return stack

    def _work_of(self, key: str, method: Method, inp: Input) -> Mapping[str, float]:
        """Parameters and FLOPs for a cell's first trial here; a call of its own, after all timing."""
        if key in self._counted:
            return {}
        self._counted.add(key)

        def call(other: Input) -> None:
            cell = self._cells[key]
            with self._scope(cell), bounded(cell.method.memory_limit):
                method(other)

        return self._work.of(method, inp, call)

    def metrics(self, names: tuple[str, ...]) -> MetricSet:
        """The metric functions for ``names``, built once."""
        if names not in self._metrics:
            self._metrics[names] = MetricSet(names)
        return self._metrics[names]

    def finish(self, restored: Restored) -> TaskResult:
        """Score, encode, and make the row."""
        prepared, task = restored.prepared, restored.prepared.task
        cell, trial = self._cells[task.cell], restored.prepared.trial
        start = time.perf_counter()
        error = restored.error
        values: Mapping[str, float | None] = {}
        absent: Mapping[str, str] = {}
        if restored.sr is not None and trial is not None:
            try:
                values, absent = self.metrics(cell.metrics).score(restored.sr, trial.target)
                if trial.truth is not None:
                    matched, reasons = matching_scores(restored.match, trial)
                    values, absent = {**values, **matched}, {**absent, **reasons}
            except (Exception, SystemExit) as failure:
                error = failure
        scored = time.perf_counter()
        # the image of a trial that failed in scoring would stand in the way of the one that a retry keeps
        png = png_bytes(restored.sr) if restored.sr is not None and cell.images and error is None else None
        seconds = {
            "decode": prepared.decode_seconds,
            "degrade": prepared.degrade_seconds,
            "method": restored.seconds,
            "score": scored - start,
        }
        seconds["total"] = sum(seconds.values())
        kind = error_kind(error)
        if kind == "method" and trial is None:
            # whatever its class is: the method has not been called
            kind = "decode"
        row = SampleRow(
            sample_id=task.sample_id,
            draw=task.draw,
            status="ok" if error is None else "error",
            error=one_line(error) if error is not None else "",
            error_kind=kind,
            metrics=values if error is None else {},
            absent=absent,
            ref_names=trial.ref_names if trial is not None else (),
            notes=dict(trial.notes) if trial is not None else {},
            hr_size=size_of(trial.target) if trial is not None else None,
            lr_size=size_of(trial.lr) if trial is not None else None,
            ref_sizes=tuple((r.shape[0], r.shape[1]) for r in trial.refs) if trial is not None else (),
            seconds={k: round(v, 6) for k, v in seconds.items()},
            stages={k: dict(v) for k, v in restored.stages.items()},
            peak_mb=round(restored.peak_mb, 1) if restored.peak_mb is not None else None,
            device=restored.device,
            work=restored.work,
            tiles=restored.tiles,
            fallback=restored.fallback,
            approx=restored.approx,
            recall=restored.recall,
        )
        return TaskResult(task, row, png)


def one_line(error: BaseException) -> str:
    """An exception as one line for a row."""
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, (SampleError, UserError)) else f"{type(error).__name__}: "
    return (kind + text)[:500] or type(error).__name__


def error_kind(error: BaseException | None) -> str:
    """Class of an error for counting: decode (also degrade), memory, timeout, method."""
    if error is None:
        return ""
    if isinstance(error, TooLittleMemory):
        return "memory"
    if isinstance(error, SampleError):
        return "decode"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and out_of_memory(error)):
        return "memory"
    return "timeout" if isinstance(error, TimeoutError) else "method"


def size_of(image: Image | None) -> tuple[int, int] | None:
    """(H, W) of an image."""
    return None if image is None else (image.shape[0], image.shape[1])


def method_of(job: MethodJob) -> Method:
    """Load the method of a job. Raises UserError with one line, whatever goes wrong."""
    spec = spec_in_file(job.locator) if is_file_locator(job.locator) else job.spec
    weights = resolve_weights(spec, job.weights, job.weights_root)
    try:
        return load_method(spec, weights, dict(job.params), job.device)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(
            f"method {spec.name} cannot be loaded: {one_line(error)}; see it with --traceback"
        ) from error
