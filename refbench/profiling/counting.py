"""FLOPs and bytes of each stage: one call with every operator seen by its shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch.utils.flop_counter import FlopCounterMode

from refbench.execution.measure.flops import flop_counter
from refbench.profiling.traffic import TrafficMode
from refbench.stages import recording


@dataclass
class Work:
    """Arithmetic and traffic of a stage or a whole call."""

    flops: int = 0
    least_bytes: int = 0
    """Lower bound of the bytes moved, see :mod:`.traffic`."""
    operator_bytes: int = 0


@dataclass
class CountingRecorder:
    """Reads both counters where stages open and close. A stage inside another counts for both."""

    flops: FlopCounterMode
    traffic: TrafficMode
    stages: dict[str, Work] = field(default_factory=dict)
    covered: Work = field(default_factory=Work)
    """The stages that are inside no other."""
    _open: list[tuple[int, int]] = field(default_factory=list)

    def enter(self, name: str) -> None:
        """A stage opens."""
        self._open.append((self.flops.get_total_flops(), self.traffic.operators))
        self.traffic.open()

    def leave(self, name: str) -> None:
        """The innermost open stage closes."""
        flops, operators = self._open.pop()
        done = Work(
            self.flops.get_total_flops() - flops,
            self.traffic.close(),
            self.traffic.operators - operators,
        )
        for into in (self.stages.setdefault(name, Work()), *([] if self._open else [self.covered])):
            into.flops += done.flops
            into.least_bytes += done.least_bytes
            into.operator_bytes += done.operator_bytes


def count_work(call: Callable[[], object]) -> tuple[dict[str, Work], Work, Work]:
    """(stage -> work, work outside all stages, work of the whole call).

    The least bytes of the whole call treat it as one stage; those outside all stages are not known
    (0): what they read may come from a stage's cache.
    """
    flops, traffic = flop_counter(), TrafficMode()
    recorder = CountingRecorder(flops, traffic)
    with flops, traffic, recording(recorder):
        traffic.open()
        result = call()
        least = traffic.close()
    del result
    total = Work(flops.get_total_flops(), least, traffic.operators)
    other = Work(
        total.flops - recorder.covered.flops, 0, total.operator_bytes - recorder.covered.operator_bytes
    )
    return recorder.stages, other, total
