"""The one call of a method: what it is given, how it runs, what it may return, and how a failure is told.

``run``, ``upscale``, ``profile`` and ``verify`` all call methods through this module: :func:`call` makes an
:class:`Attempt` of one trial, :func:`invoke` and :func:`checked` are its two halves for those that measure
or judge by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from refbench.execution.measure.memory import reset_peak
from refbench.execution.measure.recorder import StageRecorder
from refbench.execution.measure.work import WorkCounter
from refbench.execution.precision import precision_scope
from refbench.execution.problem import Problem, WrongOutput, problem_of
from refbench.matching.checks import deferred_checks
from refbench.matching.listening import listening
from refbench.matching.result import Match
from refbench.plan.method_hooks import measured_cost
from refbench.stages import recording
from refbench.tensors import to_image, to_tensor
from refbench.tiling.budget import bounded
from refbench.tiling.fallback import out_of_memory, tiled_limit
from refbench.types import Image, Input, Method

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Images:
    """What a method is shown of one trial, as plain uint8 arrays: they may come from, or go to, another
    process. There is no HR here, by type."""

    lr: Image
    refs: tuple[Image, ...] = ()
    scale: int = 4
    sample_id: str = ""
    ref_names: tuple[str, ...] = ()
    sr_cut: tuple[int, int, int, int] | None = None

    def on(self, device: torch.device) -> Input:
        """The Input of a method on ``device``: fresh tensors that share no memory with these arrays."""
        return Input(
            lr=to_tensor(self.lr).to(device),
            refs=tuple(to_tensor(ref).to(device) for ref in self.refs),
            scale=self.scale,
            sample_id=self.sample_id,
            ref_names=self.ref_names,
            sr_cut=self.sr_cut,
        )


@dataclass(frozen=True)
class Settings:
    """How a method is called."""

    device: str = "cpu"
    precision: str = "fp32"
    memory_limit: int | None = None
    """Bytes that the call may use; None: no limit."""
    tiles: bool = False
    """Whether the method can run in tiles: after lost memory it is called once more, under a limit."""
    keep_match: bool = False
    """Whether the method's first match is wanted: it holds maps of the image's size."""
    count: str = ""
    """What else to find out after a call that went well: ``parameters``, ``flops`` (which counts the
    parameters, too, and calls the method once more), or nothing."""


@dataclass
class Observed:
    """What the matchings of one call reported."""

    keep: bool
    match: Match | None = None
    approx: str | None = None
    """Name of the approximation, None where every matching was exact."""
    hits: float = 0.0
    sample: int = 0

    def __call__(self, found: Match) -> None:
        """Take one result of ``match``."""
        if self.keep and self.match is None:
            self.match = found
        if found.recall_sample:
            self.approx = found.approximation
            self.hits += found.recall * found.recall_sample
            self.sample += found.recall_sample

    @property
    def recall(self) -> float | None:
        """Measured recall over all approximate matchings; None where every one was exact."""
        return self.hits / self.sample if self.sample else None


@dataclass(frozen=True)
class Attempt:
    """How a call ended, as plain data: SR, or the problem, with what was observed and measured."""

    sr: Image | None = None
    problem: Problem | None = None
    seconds: float = 0.0
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tiles: Mapping[str, int] = field(default_factory=dict)
    """Windows of each pass under a memory limit."""
    peak_mb: float | None = None
    """Largest use of memory while it ran: the process's resident set, or the device's allocations."""
    match: Match | None = None
    """The method's first matching, where it was asked for."""
    approx: str | None = None
    recall: float | None = None
    fallback: str | None = None
    """``tiled`` when the memory ran out and the method was called again in tiles."""
    work: Mapping[str, float] = field(default_factory=dict)
    """``parameters`` and ``flops``, as far as they were asked for and can be known."""


def call(method: Method, images: Images, settings: Settings, counter: WorkCounter | None = None) -> Attempt:
    """Call ``method`` on one trial; after lost memory once more in tiles, where it has them.

    Whatever the method raises, SystemExit and CancelledError included, is the attempt's problem; only
    KeyboardInterrupt goes through. ``counter`` keeps operations between calls on images of equal size.
    """
    import torch

    device = torch.device(settings.device)
    done, inp = _once(method, images, settings, settings.memory_limit, device)
    if done.problem is not None and done.problem.kind == "memory" and done.problem.lost and settings.tiles:
        limit = tiled_limit(device, settings.memory_limit)
        done, inp = _once(method, images, settings, limit, device)
        done = replace(done, fallback="tiled")
    # counting doubles the memory's trouble, and a call that needed tiles is long
    tiled = done.fallback is not None or max(done.tiles.values(), default=1) > 1
    if inp is None or not settings.count or tiled:
        return done
    again = _again(method, settings) if settings.count == "flops" else None
    return replace(done, work=(counter or WorkCounter()).of(method, inp, again))


def _again(method: Method, settings: Settings) -> Callable[[Input], object]:
    return lambda other: invoke(method, other, settings)


def invoke(method: Method, inp: Input, settings: Settings) -> Tensor:
    """The method's answer to ``inp``: without gradients, in the given precision and within the memory limit.

    Raises WrongOutput when that is not a tensor, and whatever the method raises.
    """
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(precision_scope(settings.precision))
        stack.enter_context(bounded(settings.memory_limit))
        # on CUDA a check in the middle of the call would wait for all that is queued
        stack.enter_context(deferred_checks())
        sr: object = method(inp)
    if not isinstance(sr, torch.Tensor):
        raise WrongOutput(f"returned a {type(sr).__name__}, not a torch.Tensor")
    return sr


def checked(sr: Tensor, inp: Input) -> Tensor:
    """``sr``, if it can be an SR image of ``inp``. WrongOutput for another shape or dtype, or values that are
    not finite."""
    expected = (3, inp.lr.shape[1] * inp.scale, inp.lr.shape[2] * inp.scale)
    if tuple(sr.shape) != expected:
        raise WrongOutput(f"SR has shape {tuple(sr.shape)}, expected {expected}")
    if not sr.dtype.is_floating_point:
        wrong = str(sr.dtype).removeprefix("torch.")
        hint = "; divide by 255" if wrong == "uint8" else "; return its real part" if sr.is_complex() else ""
        raise WrongOutput(f"SR has dtype {wrong}, expected float32 with values in [0, 1]{hint}")
    if not bool(sr.isfinite().all()):
        raise WrongOutput("SR has values that are not finite")
    return sr


def scored_part(sr: Tensor, inp: Input) -> Image:
    """SR on 8 bits, cut to what is scored."""
    image = to_image(sr)
    if inp.sr_cut is None:
        return image
    top, left, height, width = inp.sr_cut
    return image[top : top + height, left : left + width].copy()


def _once(
    method: Method, images: Images, settings: Settings, limit: int | None, device: torch.device
) -> tuple[Attempt, Input | None]:
    """One call within ``limit`` bytes, and its Input where it went well."""
    recorder, observed = StageRecorder(device), Observed(settings.keep_match)
    _reset_memory(device)
    start = time.perf_counter()
    try:
        inp = images.on(device)
        with recording(recorder), listening(observed), bounded(limit) as budget:
            sr = invoke(method, inp, replace(settings, memory_limit=None))
        image = scored_part(checked(sr, inp), inp)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # only words are kept: an exception's frames hold the tensors that did not fit
        lost = out_of_memory(error)
        return Attempt(problem=problem_of(error, lost), seconds=time.perf_counter() - start), None
    seconds = time.perf_counter() - start
    elsewhere = measured_cost(method) or {}
    peak = elsewhere.get("peak_gpu_mb", elsewhere.get("peak_rss_mb", recorder.highest()))
    attempt = Attempt(
        sr=image,
        seconds=seconds,
        stages=recorder.result(),
        tiles=dict(budget.tiles) if budget is not None else {},
        peak_mb=peak,
        match=observed.match,
        approx=observed.approx,
        recall=observed.recall,
    )
    return attempt, inp


def _reset_memory(device: torch.device) -> None:
    """Start a new measurement of the peak."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_peak()
