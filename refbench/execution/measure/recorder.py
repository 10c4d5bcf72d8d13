"""Times and peak memory of the stages that a method opens (see refbench.stages)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from refbench.execution.measure.memory import peak_resident_mb, reset_peak, resident_mb

if TYPE_CHECKING:
    import torch


@dataclass
class _Open:
    name: str
    wall: float
    cpu: float
    resident: float | None
    event: Any = None


@dataclass
class StageRecorder:
    """Accumulates per stage: wall seconds, CPU seconds of the process, peak memory growth in MiB.

    On CUDA the seconds come from events, read once at the end (:meth:`result`), so recording adds no
    synchronisation to the method; memory is the allocator's peak over what was allocated at entry.
    CPU memory is resident-set growth while the stage was open: what else runs (the runner scores the
    previous image meanwhile) counts too. A stage opened inside another counts for both.
    """

    device: torch.device | None = None
    _open: list[_Open] = field(default_factory=list)
    _wall: dict[str, float] = field(default_factory=dict)
    _cpu: dict[str, float] = field(default_factory=dict)
    _peak: dict[str, float] = field(default_factory=dict)
    _events: list[tuple[str, Any, Any]] = field(default_factory=list)
    _highest: float = 0.0
    _covered: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _outer_events: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def _cuda(self) -> bool:
        return self.device is not None and self.device.type == "cuda"

    def _event(self) -> Any:
        import torch

        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        return event

    def highest(self) -> float | None:
        """Largest use of memory in MiB since this recorder was made, or the meter was reset before that.

        Opening a stage starts the system's own peak anew, so it cannot be read there at the end.
        """
        if self._cuda:
            import torch

            now: float | None = torch.cuda.max_memory_allocated(self.device) / 2**20
        else:
            now = peak_resident_mb()
        if now is None:
            return None
        self._highest = max(self._highest, now)
        return self._highest

    def enter(self, name: str) -> None:
        """A stage opens."""
        self.highest()
        if self._cuda:
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
            resident: float | None = torch.cuda.memory_allocated(self.device) / 2**20
            event = self._event()
        else:
            reset_peak()
            resident, event = resident_mb(), None
        self._open.append(_Open(name, time.perf_counter(), time.process_time(), resident, event))

    def leave(self, name: str) -> None:
        """The innermost open stage closes."""
        opened = self._open.pop()
        wall, cpu = time.perf_counter() - opened.wall, time.process_time() - opened.cpu
        self._wall[name] = self._wall.get(name, 0.0) + wall
        self._cpu[name] = self._cpu.get(name, 0.0) + cpu
        if not self._open:
            self._covered = [self._covered[0] + wall, self._covered[1] + cpu]
        if self._cuda:
            import torch

            end = self._event()
            self._events.append((name, opened.event, end))
            if not self._open:
                self._outer_events.append((opened.event, end))
            peak: float | None = torch.cuda.max_memory_allocated(self.device) / 2**20
        else:
            peak = peak_resident_mb()
        if peak is not None and opened.resident is not None:
            self._peak[name] = max(self._peak.get(name, 0.0), peak - opened.resident)

    def result(self) -> dict[str, dict[str, float]]:
        """Stage -> {seconds, cpu_seconds, peak_mb}, in the order in which stages were first closed."""
        seconds = dict(self._wall)
        if self._cuda:
            import torch

            torch.cuda.synchronize(self.device)
            seconds = {}
            for name, start, end in self._events:
                seconds[name] = seconds.get(name, 0.0) + start.elapsed_time(end) / 1000.0
        return {
            name: {
                "seconds": round(seconds[name], 6),
                "cpu_seconds": round(self._cpu[name], 6),
                **({"peak_mb": round(self._peak[name], 2)} if name in self._peak else {}),
            }
            for name in self._wall
        }

    def covered(self) -> tuple[float, float]:
        """(seconds, CPU seconds) spent inside any stage; nested stages count once."""
        wall, cpu = self._covered
        if self._cuda:
            import torch

            torch.cuda.synchronize(self.device)
            wall = sum(start.elapsed_time(end) for start, end in self._outer_events) / 1000.0
        return wall, cpu
