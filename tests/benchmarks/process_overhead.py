"""What a process of its own costs a third-party method: ``python tests/benchmarks/process_overhead.py``.

Start and load once for each method, then the difference for one image between a call in a process of its
own and one in this process, the quickest of each; with 1 thread.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from refbench.execution.call import Images, Settings
from refbench.execution.worker import InProcess, load_job, open_method
from refbench.isolation.outside import spec_outside
from refbench.plan.job import MethodJob

METHOD = """
from refbench.specs import MethodSpec
SPEC = MethodSpec("nearest", ":Nearest")
class Nearest:
    def __init__(self, weights, device): pass
    def __call__(self, inp): return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""
SIZES = ((40, 40), (125, 83), (300, 480))
"""(H, W) of LR: a training patch, CUFED5, and a 2.3 megapixel SR."""
ROUNDS = 25


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "nearest.py")
        path.write_text(METHOD)
        before, start = children_cpu(), time.perf_counter()
        spec = spec_outside(str(path))
        wall, cpu = time.perf_counter() - start, children_cpu() - before
        print(f"reading the file's spec outside, once for a run: {cpu:.2f} s CPU, {wall:.2f} s wall")
        job = MethodJob(spec, str(path), None, None, (), "cpu", own_process=True)
        apart, here = open_method(job), InProcess(load_job(job))
        before, start = children_cpu(), time.perf_counter()
        once = open_method(job)
        once.load()
        wall = time.perf_counter() - start
        once.close()
        cpu = children_cpu() - before
        print(f"starting and loading it, once for a method: {cpu:.2f} s CPU, {wall:.2f} s wall")
        for height, width in SIZES:
            added = added_seconds(apart, here, height, width)
            print(
                f"LR {width}x{height} with a reference of 4 times that: {1000 * added:.1f} ms for one image"
            )
        apart.close()


def children_cpu() -> float:
    """CPU seconds of finished child processes."""
    times = os.times()
    return times.children_user + times.children_system


def added_seconds(apart: object, here: object, height: int, width: int) -> float:
    """Difference between the quickest call of each kind: other work on the machine only ever adds."""
    rng = np.random.default_rng(0)
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        lr = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        images = Images(lr, (lr.repeat(4, 0).repeat(4, 1),))
        for i, caller in enumerate((apart, here)):
            start = time.perf_counter()
            assert caller.call(images, Settings()).problem is None  # type: ignore[attr-defined]
            best[i] = min(best[i], time.perf_counter() - start)
    return best[0] - best[1]


if __name__ == "__main__":
    main()
