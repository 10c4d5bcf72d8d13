"""Peak memory of each stage in a pass of its own, with nothing hidden by what an allocator keeps."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from refbench.execution.measure.memory import peak_resident_mb, reset_peak, resident_mb
from refbench.stages import recording

if TYPE_CHECKING:
    import torch


class Meter(Protocol):
    """A device's memory in MiB."""

    def restart(self) -> None:
        """Give back what is free, and start a new peak."""
        ...

    def now(self) -> float: ...

    def peak(self) -> float: ...


class ResidentMeter:
    """The process's resident set. Freed memory goes back to the system first, so that growth shows again."""

    def __init__(self) -> None:
        self._trim = _malloc_trim()

    def restart(self) -> None:
        if self._trim is not None:
            self._trim(0)
        reset_peak()

    def now(self) -> float:
        return resident_mb() or 0.0

    def peak(self) -> float:
        return peak_resident_mb() or 0.0


class AllocatorMeter:
    """What torch's CUDA allocator has handed out; its cache does not count."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def restart(self) -> None:
        import torch

        torch.cuda.reset_peak_memory_stats(self.device)

    def now(self) -> float:
        import torch

        return torch.cuda.memory_allocated(self.device) / 2**20

    def peak(self) -> float:
        import torch

        return torch.cuda.max_memory_allocated(self.device) / 2**20


def meter_for(device: torch.device) -> Meter | None:
    """The meter of a device; None where the system offers no readings."""
    if device.type == "cuda":
        return AllocatorMeter(device)
    return ResidentMeter() if resident_mb() is not None and reset_peak() else None


@dataclass
class MemoryRecorder:
    """Growth over what was in use when a stage opened, at its highest, in MiB."""

    meter: Meter
    stages: dict[str, float] = field(default_factory=dict)
    highest: float = 0.0
    """Peak of the whole call, absolute."""
    _open: list[list[float]] = field(default_factory=list)

    def _fold(self) -> None:
        """Note the present peak for every open stage, before a restart forgets it."""
        peak = self.meter.peak()
        self.highest = max(self.highest, peak)
        for opened in self._open:
            opened[1] = max(opened[1], peak)

    def enter(self, name: str) -> None:
        """A stage opens."""
        self._fold()
        self.meter.restart()
        now = self.meter.now()
        self._open.append([now, now])

    def leave(self, name: str) -> None:
        """The innermost open stage closes."""
        self._fold()
        start, peak = self._open.pop()
        self.stages[name] = max(self.stages.get(name, 0.0), peak - start)


@dataclass(frozen=True)
class MemoryUse:
    """MiB."""

    before: float
    """In use before the call: weights, libraries."""
    growth: float
    """Peak of the call over ``before``."""
    stages: dict[str, float]


def measure_memory(call: Callable[[], object], meter: Meter) -> MemoryUse:
    """Peak memory of one call, and of each stage in it."""
    recorder = MemoryRecorder(meter)
    meter.restart()
    before = meter.now()
    with recording(recorder):
        result = call()
    recorder.highest = max(recorder.highest, meter.peak())
    del result
    return MemoryUse(before, recorder.highest - before, recorder.stages)


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's; None with another C library."""
    try:
        function = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    function.argtypes, function.restype = [ctypes.c_size_t], ctypes.c_int
    trim: Callable[[int], int] = function
    return trim
