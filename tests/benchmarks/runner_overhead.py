"""The runner's work around a method, against the bare method, on images of 500x332 with compact nets.

    python tests/benchmarks/runner_overhead.py [METHOD [ROUNDS]]

Alternates, on the same images and one thread: bare calls of the loaded method on tensors, and the runner's
pipeline (decode, degrade, network with its recorders, PNG; no metrics) through the serial executor. Every
image is new to the method in both, as references are in the public test sets. Prints medians of wall and CPU
seconds per image and what the pipeline adds; where images are decoded and encoded on idle cores, wall time
adds less than CPU time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch

from refbench.execution import worker as workers
from refbench.execution.serial import SerialExecutor
from refbench.execution.worker import Worker, method_of
from refbench.isolation.outside import method_outside
from refbench.plan.job import CellJob, DataJob, MethodJob, Task, TaskResult
from refbench.profiling.images import image_pair
from refbench.protocols import build_instances
from refbench.registry import Registry
from refbench.settings import ProtocolEntry, SuiteConfig
from refbench.specs import DataRequest
from refbench.tensors import to_image
from refbench.types import Image, Input, Sample

SIZE = (332, 500)
IMAGES = 3


class Pictures:
    """Synthetic pairs; ids are seeds."""

    name, label, fingerprint = "pictures", "pictures", "0" * 64

    def __init__(self, request: DataRequest) -> None:
        del request

    def ids(self) -> tuple[str, ...]:
        return tuple(map(str, range(10**6)))

    def load(self, sample_id: str) -> Sample:
        hr, reference = pictures(int(sample_id))
        return Sample(sample_id, hr, (reference,), ("r.png",))


def pictures(seed: int) -> tuple[Image, Image]:
    """HR and reference of one seed: two views of a synthetic scene."""
    inp = image_pair(SIZE, SIZE, 4, seed, torch.device("cpu"))
    reference = to_image(inp.refs[0])
    return np.roll(reference, (5, 9), (0, 1)).copy(), reference


def main(name: str = "datsr", rounds: str = "5") -> None:
    torch.set_num_threads(1)
    spec = method_outside(Registry.discover(), name)
    job = MethodJob(spec, name, "compact", None, (), "cpu")
    instance = build_instances(SuiteConfig("s", "p", protocols=(ProtocolEntry(control=True),)), None)[0]
    cell = CellJob("0" * 64, job, DataJob(f"{__name__}:Pictures", DataRequest()), instance, 0, (), True)
    method = method_of(job)
    whole = Worker({cell.key: cell})
    seed = 0

    def bare(seeds: range) -> None:
        with torch.inference_mode():
            for inp in inputs:
                method(inp)

    def run(seeds: range) -> None:
        found: list[TaskResult] = []
        SerialExecutor().run({cell.key: cell}, [Task(cell.key, str(s), 0) for s in seeds], found.append)
        assert all(result.row.ok for result in found), found[0].row.error

    spent: dict[str, list[tuple[float, float]]] = {"bare": [], "runner": []}
    # weights are loaded once in a run: that does not belong to an image
    with (
        mock.patch.object(workers, "method_of", return_value=method),
        mock.patch.object(Worker, "metrics", return_value=mock.Mock(score=lambda sr, hr: ({}, {}))),
    ):
        for _ in range(int(rounds) + 1):
            calls: tuple[tuple[str, Callable[[range], None]], ...] = (("bare", bare), ("runner", run))
            for kind, call in calls:
                seeds = range(seed, seed + IMAGES)
                seed += IMAGES
                inputs = [prepared(whole, cell, s) for s in seeds] if kind == "bare" else []
                wall, cpu = time.perf_counter(), time.process_time()
                call(seeds)
                spent[kind].append(
                    ((time.perf_counter() - wall) / IMAGES, (time.process_time() - cpu) / IMAGES)
                )
    medians = {
        kind: [statistics.median(column) for column in zip(*values[1:], strict=True)]
        for kind, values in spent.items()
    }
    for kind, (wall, cpu) in medians.items():
        print(f"{name} {kind}: {wall:.3f} s wall, {cpu:.3f} s CPU an image")
    added = [100 * (a / b - 1) for a, b in zip(medians["runner"], medians["bare"], strict=True)]
    print(f"the runner adds {added[0]:.1f} % wall, {added[1]:.1f} % CPU")


def prepared(worker: Worker, cell: CellJob, seed: int) -> Input:
    """What the method gets for one image."""
    from refbench.tensors import to_tensor

    trial = worker.prepare(Task(cell.key, str(seed), 0)).trial
    assert trial is not None
    return Input(to_tensor(trial.lr), tuple(map(to_tensor, trial.refs)), sample_id=trial.sample_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
