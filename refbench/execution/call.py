"""The one call of a method: what it is given, how it runs, what it may return, and how a failure is told.

``run``, ``upscale``, ``profile`` and ``verify`` all call methods through this module: :func:`call` makes an
:class:`Attempt` of one trial, :func:`invoke` and :func:`checked` are its two halves for those that measure
or judge by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from refbench.execution.measure.memory import reset_peak
from refbench.execution.measure.recorder import StageRecorder
from refbench.execution.measure.work import WorkCounter
from refbench.execution.precision import precision_scope
from refbench.execution.problem import Problem, WrongOutput, problem_of
from refbench.imaging import bicubic_resize
from refbench.matching.checks import deferred_checks
from refbench.matching.observing import observing
from refbench.matching.result import Match
from refbench.plan.method_hooks import measured_cost
from refbench.protocols.given import SLACK
from refbench.protocols.sr_colour import fix_colour
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
    sr_fit: tuple[int, int] | None = None
    colour_fix: str = "none"

    def on(self, device: torch.device) -> Input:
        """The Input of a method on ``device``: fresh tensors that share no memory with these arrays."""
        return Input(
            lr=to_tensor(self.lr).to(device),
            refs=tuple(to_tensor(ref).to(device) for ref in self.refs),
            scale=self.scale,
            sample_id=self.sample_id,
            ref_names=self.ref_names,
            sr_cut=self.sr_cut,
            sr_fit=self.sr_fit,
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
    keep_exact: bool = False
    """Whether SR before it is rounded to 8 bits is wanted, for metrics that say ``round=none``."""
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
    exact: npt.NDArray[np.float32] | None = field(default=None, repr=False)
    """SR in 0..255 before it was rounded, (H, W, 3), clamped; where it was asked for, and nothing was done to
    the rounded image afterwards."""
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
    refs_read: tuple[int, ...] = ()
    """Places of the references that the method read, see refbench.execution.references."""


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
    if tuple(sr.shape) != expected and not _can_be_fitted(tuple(sr.shape), inp.sr_fit):
        raise WrongOutput(f"SR has shape {tuple(sr.shape)}, expected {expected}")
    if not sr.dtype.is_floating_point:
        wrong = str(sr.dtype).removeprefix("torch.")
        hint = "; divide by 255" if wrong == "uint8" else "; return its real part" if sr.is_complex() else ""
        raise WrongOutput(f"SR has dtype {wrong}, expected float32 with values in [0, 1]{hint}")
    if not bool(sr.isfinite().all()):
        raise WrongOutput("SR has values that are not finite")
    return sr


def _can_be_fitted(shape: tuple[int, ...], fit: tuple[int, int] | None) -> bool:
    """Whether a protocol that resizes SR takes one of this shape."""
    if fit is None or len(shape) != 3 or shape[0] != 3:
        return False
    return all(abs(side - wanted) <= SLACK for side, wanted in zip(shape[1:], fit, strict=True))


def scored_part(sr: Tensor, images: Images) -> Image:
    """SR on 8 bits as it is scored: cut, resized and recoloured where the protocol says so."""
    image = to_image(sr)
    if images.sr_cut is not None:
        top, left, height, width = images.sr_cut
        image = image[top : top + height, left : left + width].copy()
    if images.sr_fit is not None and image.shape[:2] != images.sr_fit:
        image = bicubic_resize(image, images.sr_fit)
    return fix_colour(image, images.lr, images.colour_fix)


def exact_part(sr: Tensor, images: Images) -> npt.NDArray[np.float32] | None:
    """SR in 0..255, float32 (H, W, 3), clamped and cut but not rounded; None where the protocol goes on with
    the rounded image."""
    if images.sr_fit is not None or images.colour_fix != "none":
        return None
    values: npt.NDArray[np.float32] = (sr.detach().float().clamp(0, 1) * 255).permute(1, 2, 0).cpu().numpy()
    if images.sr_cut is not None:
        top, left, height, width = images.sr_cut
        values = values[top : top + height, left : left + width]
    return np.ascontiguousarray(values)


def _once(
    method: Method, images: Images, settings: Settings, limit: int | None, device: torch.device
) -> tuple[Attempt, Input | None]:
    """One call within ``limit`` bytes, and its Input where it went well."""
    from refbench.execution.references import WatchedReferences, Watching

    recorder, observed = StageRecorder(device), Observed(settings.keep_match)
    _reset_memory(device)
    start = time.perf_counter()
    try:
        inp = images.on(device)
        references = WatchedReferences(inp.refs)
        inp = replace(inp, refs=references)
        watching = Watching(references) if references else nullcontext()
        with watching, recording(recorder), observing(observed), bounded(limit) as budget:
            sr = invoke(method, inp, replace(settings, memory_limit=None))
        image = scored_part(checked(sr, inp), images)
        exact = exact_part(sr, images) if settings.keep_exact else None
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
        exact=exact,
        seconds=seconds,
        stages=recorder.result(),
        tiles=dict(budget.tiles) if budget is not None else {},
        peak_mb=peak,
        match=observed.match,
        approx=observed.approx,
        recall=observed.recall,
        refs_read=tuple(sorted(references.read)),
    )
    return attempt, inp


def _reset_memory(device: torch.device) -> None:
    """Start a new measurement of the peak."""
    if device.type == "cuda":
        import torch

        # a process whose methods have put nothing on the card (bicubic) has no allocator to ask
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_peak()
