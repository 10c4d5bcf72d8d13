"""One call of a method on one trial, with what was heard and measured while it ran."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from refbench.errors import SampleError
from refbench.execution.measure.memory import reset_peak
from refbench.execution.measure.recorder import StageRecorder
from refbench.matching.listening import listening
from refbench.matching.result import Match
from refbench.stages import recording
from refbench.tensors import to_image
from refbench.tiling.budget import bounded
from refbench.tiling.fallback import out_of_memory
from refbench.types import Image, Input, Method

if TYPE_CHECKING:
    import torch


@dataclass
class Heard:
    """What a method's matchings said."""

    keep: bool
    """Whether the first match itself is wanted: it holds maps of the image's size."""
    match: Match | None = None
    approx: str | None = None
    """Name of the approximation, None where every matching was exact."""
    hits: float = 0.0
    sample: int = 0

    def __call__(self, found: Match) -> None:
        """Hear one result of ``match``."""
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


@dataclass
class Attempt:
    """How a call ended."""

    sr: Image | None = None
    error: BaseException | None = None
    no_memory: bool = False
    seconds: float = 0.0
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tiles: Mapping[str, int] = field(default_factory=dict)
    """Windows of each pass under a memory limit."""
    peak_mb: float | None = None
    """Largest use of memory while it ran: the process's resident set, or the device's allocations."""
    heard: Heard = field(default_factory=lambda: Heard(False))
    inp: Input | None = None


def attempt(
    method: Method,
    make: Callable[[], Input],
    scope: AbstractContextManager[object],
    device: torch.device,
    limit: int | None,
    keep_match: bool,
) -> Attempt:
    """Call ``method`` within ``limit`` bytes. Whatever it raises is kept, also sys.exit() in its script.

    An error of the memory is kept without its frames, which hold the tensors that did not fit.
    """
    recorder, heard = StageRecorder(device), Heard(keep_match)
    reset_memory(device)
    start = time.perf_counter()
    try:
        inp = make()
        with scope, recording(recorder), listening(heard), bounded(limit) as budget:
            sr = method(inp)
        image = checked_image(sr, inp)
    except (Exception, SystemExit) as error:
        lost = out_of_memory(error)
        kept = error.with_traceback(None) if lost else error
        if lost:
            kept.__context__ = kept.__cause__ = None
        return Attempt(error=kept, no_memory=lost, seconds=time.perf_counter() - start)
    seconds = time.perf_counter() - start
    tiles = dict(budget.tiles) if budget is not None else {}
    return Attempt(image, None, False, seconds, recorder.result(), tiles, recorder.highest(), heard, inp)


def reset_memory(device: torch.device) -> None:
    """Start a new measurement of the peak."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_peak()


def checked_image(sr: torch.Tensor, inp: Input) -> Image:
    """SR on 8 bits, cut to what is scored. SampleError for a wrong shape or values that are not finite."""
    expected = (3, inp.lr.shape[1] * inp.scale, inp.lr.shape[2] * inp.scale)
    if tuple(sr.shape) != expected:
        raise SampleError(f"SR has shape {tuple(sr.shape)}, expected {expected}")
    if not bool(sr.isfinite().all()):
        raise SampleError("SR has values that are not finite")
    image = to_image(sr)
    if inp.sr_cut is None:
        return image
    top, left, height, width = inp.sr_cut
    return image[top : top + height, left : left + width].copy()
