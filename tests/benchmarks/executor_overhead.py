"""What handing out one trial costs: wall time of a trial that does next to nothing, by executor.

    python tests/benchmarks/executor_overhead.py [TRIALS]

Prints for serial, local and ray with one worker: seconds until the first result (start, import, load), then
milliseconds a trial, and what the row says that the trial itself took.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as PilImage

from refbench.config.load import load_run
from refbench.execution.executor import Executor
from refbench.execution.local import LocalExecutor
from refbench.execution.ray.executor import RayExecutor
from refbench.execution.ray.options import RayOptions
from refbench.execution.serial import SerialExecutor
from refbench.plan.job import Task, TaskResult
from refbench.plan.planner import Planner
from refbench.registry import Registry

METHOD = """
from refbench.specs import MethodSpec
SPEC = MethodSpec("idle", ":Idle", uses_reference=False)

class Idle:
    def __init__(self, weights, device): ...

    def __call__(self, inp):
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""


@dataclass
class Clock:
    """When each result came, and what its row says."""

    begin: float
    times: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    def take(self, result: TaskResult) -> None:
        """An executor's OnResult."""
        assert result.row.ok, result.row.error
        self.times.append(time.perf_counter())
        self.own.append(result.row.seconds["total"])


def main() -> None:
    """Measure and print."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    executors: dict[str, Executor] = {
        "serial": SerialExecutor(),
        "local": LocalExecutor(workers=1),
        "ray": RayExecutor(RayOptions(workers=1)),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "idle.py").write_text(METHOD)
        for part in ("input", "ref"):
            (folder / part).mkdir()
            pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(folder / part / "a.png")
        registry = Registry.discover()
        words = [
            f"method={folder}/idle.py:SPEC",
            "suite=pairs",
            f"data.root={folder}",
            "against=none",
        ]
        (config,) = load_run([*words, "images=none", "device=cpu"], registry=registry)
        cells = {cell.key: cell.job for cell in Planner(registry).plan([config]).cells()}
        tasks = [Task(next(iter(cells)), "a", draw) for draw in range(trials)]
        print(f"{'executor':<10}{'first result':>14}{'a trial':>12}{'of which its own':>20}")
        for label, executor in executors.items():
            clock = Clock(time.perf_counter())
            executor.run(cells, tasks, clock.take)
            each = (clock.times[-1] - clock.times[0]) / (trials - 1) * 1000
            own = statistics.median(clock.own) * 1000
            print(
                f"{label:<10}{clock.times[0] - clock.begin:>12.1f} s{each:>9.2f} ms{own:>17.2f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
