"""The machine's two peaks, measured, and how near a stage comes to them (Williams et al. 2009).

On the CPU all of this is per second of CPU time, divided by the number of threads: on a shared machine
wall time says more about the neighbours. Undisturbed, with all threads busy, the two are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from refbench.profiling.counting import Work
from refbench.profiling.timing import synchronise

if TYPE_CHECKING:
    import torch

SIDE = {"cpu": 1024, "cuda": 8192}
"""Side of the square matrices."""
STREAM_MB = {"cpu": 64, "cuda": 512}
"""Size of each of the three vectors: far beyond every cache."""


@dataclass(frozen=True)
class Peaks:
    """The best of repeated trials within a second or so."""

    gflops: float
    """GFLOP/s of all threads in a square matrix product in the precision of the call."""
    bandwidth: float
    """GB/s of ``a = b + s * c`` on long vectors: two reads and a write each (STREAM's triad)."""


def measure_peaks(device: torch.device, precision: str = "fp32", seconds: float = 0.5) -> Peaks:
    """``seconds`` for each of the two, under the present thread count and precision flags."""
    import torch

    side = SIDE[device.type]
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.ones(side, side, device=device, dtype=kind) for _ in range(2))
    product = torch.empty(side, side, device=device, dtype=kind)
    gemm = _best(lambda: torch.mm(a, b, out=product), device, seconds)
    length = STREAM_MB[device.type] * 2**20 // 4
    x, y, z = (torch.ones(length, device=device) for _ in range(3))
    triad = _best(lambda: torch.add(x, y, alpha=2.0, out=z), device, seconds)
    return Peaks(2 * side**3 / gemm / 1e9, 3 * 4 * length / triad / 1e9)


def _best(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Shortest time of a call (see above), of two at least, repeated for ``seconds``."""
    import torch

    threads = torch.get_num_threads()

    def clock() -> float:
        return time.process_time() / threads if device.type == "cpu" else time.perf_counter()

    call()
    synchronise(device)
    shortest, end, trials = float("inf"), time.perf_counter() + seconds, 0
    while trials < 2 or time.perf_counter() < end:
        start = clock()
        call()
        synchronise(device)
        shortest = min(shortest, clock() - start)
        trials += 1
    return shortest


def least_seconds(work: Work, peaks: Peaks) -> float:
    """What the roofline allows: arithmetic at peak or least bytes at full bandwidth, whichever is longer."""
    return max(work.flops / peaks.gflops, work.least_bytes / peaks.bandwidth) / 1e9


def roofline_share(work: Work, seconds: float, peaks: Peaks) -> float | None:
    """Attained share of the roofline, about 0..1; None where there is nothing to compare.

    ``seconds``: CPU seconds / threads on the CPU, the device's time on CUDA.
    """
    least = least_seconds(work, peaks)
    return least / seconds if seconds > 0 and least > 0 else None
