"""Repeated timings of a call and of the stages in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from refbench.execution.measure.recorder import StageRecorder
from refbench.profiling.spread import Spread, spread
from refbench.stages import STAGES, recording

if TYPE_CHECKING:
    import torch

TOTAL, OTHER = "total", "other"


@dataclass(frozen=True)
class Timing:
    """Seconds of one stage over the repeats: on CUDA from events, so ``wall`` is the device's time."""

    wall: Spread
    cpu: Spread
    """All threads of this process."""


def synchronise(device: torch.device) -> None:
    """Wait for the device's queue."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def measure_times(calls: list[Callable[[], object]], device: torch.device) -> dict[str, Timing]:
    """Timings over ``calls``, one per repeat: each stage, what is outside all stages, and the total.

    Canonical stages come first, in their order. A stage that a repeat did not open took 0 s in it.
    """
    walls: list[dict[str, float]] = []
    cpus: list[dict[str, float]] = []
    for call in calls:
        wall, cpu = _once(call, device)
        walls.append(wall)
        cpus.append(cpu)
    named = {name for row in walls for name in row} - {TOTAL, OTHER}
    order = [*(s for s in STAGES if s in named), *sorted(named - set(STAGES)), OTHER, TOTAL]
    return {
        name: Timing(*(spread([row.get(name, 0.0) for row in rows]) for rows in (walls, cpus)))
        for name in order
    }


def _once(call: Callable[[], object], device: torch.device) -> tuple[dict[str, float], dict[str, float]]:
    recorder = StageRecorder(device)
    synchronise(device)
    first = _event(device)
    wall, cpu = time.perf_counter(), time.process_time()
    with recording(recorder):
        result = call()
    last = _event(device)
    synchronise(device)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if first is not None:
        wall = first.elapsed_time(last) / 1000.0
    del result
    stages = recorder.result()
    covered = recorder.covered()
    return (
        {n: s["seconds"] for n, s in stages.items()} | {OTHER: max(0.0, wall - covered[0]), TOTAL: wall},
        {n: s["cpu_seconds"] for n, s in stages.items()} | {OTHER: max(0.0, cpu - covered[1]), TOTAL: cpu},
    )


def _event(device: torch.device) -> Any:
    if device.type != "cuda":
        return None
    import torch

    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))
    return event
