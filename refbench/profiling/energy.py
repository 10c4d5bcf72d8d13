"""Energy and utilisation of a card over repeated calls, as NVML's counters tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from refbench.extras import install_command
from refbench.profiling.timing import synchronise

if TYPE_CHECKING:
    import torch

SECONDS = 1.0
"""A measurement's length: the counter moves some ten times a second, and utilisation is NVML's mean of up to
one second."""
CALLS_MOST = 64
"""Every call has images of its own, which are made beforehand and stand in memory."""


class Counters(Protocol):
    """What a device's driver counts."""

    def joules(self) -> float:
        """Energy that the whole device has taken since the driver was loaded."""
        ...

    def utilisation(self) -> float | None:
        """Share (0 to 1) of the last sampling period in which a kernel ran; None where it is not told."""
        ...


class NvmlCounters:
    """Of one NVIDIA card, through nvidia-ml-py."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle

    def joules(self) -> float:
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1000.0

    def utilisation(self) -> float | None:
        try:
            return float(self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu) / 100.0
        except self._nvml.NVMLError:
            return None


@dataclass(frozen=True)
class Energy:
    """Of the whole card, its idle power and other users' work included."""

    joules: float
    """Per call."""
    watts: float
    """Mean over the measurement."""
    utilisation: float | None
    """Share (0 to 1) of time in which a kernel ran, at the measurement's end."""
    calls: int
    seconds: float
    """Of the whole measurement."""


def calls_for(seconds_each: float) -> int:
    """How many calls make a measurement long enough for the counters, 2 to CALLS_MOST."""
    return max(2, min(CALLS_MOST, round(SECONDS / max(seconds_each, 1e-9))))


def measure_energy(calls: Sequence[Callable[[], object]], device: torch.device, counters: Counters) -> Energy:
    """Energy over all ``calls``, one after the other and again from the start until SECONDS have passed.

    Methods that keep what they computed of an image profit from it after the first round: ``calls`` from
    :func:`calls_for` make that rare.
    """
    synchronise(device)
    before, begun, done = counters.joules(), time.perf_counter(), 0
    while True:
        for call in calls:
            call()
        synchronise(device)
        done += len(calls)
        seconds = time.perf_counter() - begun
        if seconds >= SECONDS:
            break
    spent = counters.joules() - before
    return Energy(spent / done, spent / seconds, counters.utilisation(), done, seconds)


@contextmanager
def counters_of(device: torch.device) -> Iterator[Counters | str]:
    """The counters of a CUDA device while the block runs, or the reason why there are none."""
    if device.type != "cuda":
        yield "energy is counted on NVIDIA cards only"
        return
    try:
        import pynvml
    except ImportError:
        yield f"NVML is not read: {install_command('energy')}"
        return
    import torch

    uuid = str(getattr(torch.cuda.get_device_properties(device), "uuid", ""))
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        yield f"NVML: {error}"
        return
    try:
        yield _counters(pynvml, uuid)
    finally:
        pynvml.nvmlShutdown()


def _counters(nvml: Any, uuid: str) -> Counters | str:
    """By UUID: CUDA_VISIBLE_DEVICES changes the numbers that torch uses, and NVML's not."""
    try:
        counters = NvmlCounters(nvml, nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}"))
        counters.joules()
    except nvml.NVMLError as error:
        return f"NVML: {error}"
    return counters
