"""A simulated study through planner, runner, store, summaries, merge and report: time and memory by size.

    python tests/benchmarks/study.py --rows 10000 30000 100000 --shape images
    python tests/benchmarks/study.py --rows 10000 30000 100000 --shape study

``images``: one method on as many images as rows. ``study``: 6 methods x 40 protocols, as many images as it
takes. Rows come from a fake executor, so that only refbench's own work is measured; each size runs in a
process of its own, whose CPU seconds by step and whose peak memory are printed as a Markdown table.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from refbench.execution.executor import OnResult
from refbench.execution.job import CellJob, Task, TaskResult
from refbench.plan import Planner
from refbench.registry import Entry, Registry
from refbench.runner import carry_out, finished_trials
from refbench.settings import MethodChoice, ProtocolEntry, RunConfig, SuiteConfig
from refbench.sharding import Shard
from refbench.specs import DataRequest, DatasetSpec, MethodSpec
from refbench.store import SampleRow
from refbench.types import Sample

MODULE = "refbench_simulated_study"
METRICS = ("psnr_y", "ssim_y", "psnr_rgb")
FORMATS = ("md", "csv", "latex", "json")
STUDY_METHODS = 6


class FakeDataset:
    """``data.count`` ids and no images."""

    name = "simulated"
    label = "simulated"
    fingerprint = "f" * 64

    def __init__(self, request: DataRequest) -> None:
        self._ids = tuple(f"{i:07d}" for i in range(int(request.options["count"])))

    def ids(self) -> tuple[str, ...]:
        return self._ids

    def pixels(self, sample_id: str) -> int:
        return 10_000 + zlib.crc32(sample_id.encode()) % 90_000

    def load(self, sample_id: str) -> Sample:
        raise AssertionError("a simulated study decodes nothing")


class FakeMethod:
    """Never called."""


class FakeExecutor:
    """Answers every task with a row like that of a real one."""

    def run(self, cells: Mapping[str, CellJob], tasks: Sequence[Task], on_result: OnResult) -> None:
        signatures = _signatures()
        for task in tasks:
            on_result(TaskResult(task, fake_row(task, signatures)))


def fake_row(task: Task, signatures: Sequence[str]) -> SampleRow:
    """A row of usual size whose values depend on the trial alone."""
    value = zlib.crc32(f"{task.cell}{task.sample_id}{task.draw}".encode()) / 2**32
    costs = {"seconds": 0.01 + value, "cpu_seconds": 0.01 + value, "peak_mb": 10.0}
    return SampleRow(
        task.sample_id,
        task.draw,
        metrics={name: 25.0 + 10.0 * value + i for i, name in enumerate(signatures)},
        ref_names=(f"{task.sample_id}_1.png",),
        notes={"jitter.hue": value, "jitter.gamma": 1.0 + value},
        hr_size=(320, 480),
        lr_size=(80, 120),
        ref_sizes=((320, 480),),
        seconds={"decode": 0.01, "degrade": 0.01, "method": value, "score": 0.01, "total": 0.03 + value},
        stages={"extract": costs, "match": costs, "transfer": costs, "restore": costs},
        peak_mb=500.0,
        device="cpu",
    )


def _signatures() -> list[str]:
    from refbench.metrics import known_metrics, resolve

    return [spec.signature for spec in resolve(METRICS, known_metrics())]


def suite(shape: str) -> SuiteConfig:
    """One protocol, or 40."""
    plain = ProtocolEntry(control=True)
    if shape == "images":
        return SuiteConfig("simulated", "simulated", protocols=(plain,))
    from refbench.protocols.transforms import load_transform, transform_names

    distorted = [
        ProtocolEntry(transform=name, level=level)
        for name in transform_names()
        for level in load_transform(name).levels
    ]
    references = [
        ProtocolEntry(reference={"policy": "count", "count": n, "order": order})
        for n in range(2, 6)
        for order in ("best", "worst")
    ]
    return SuiteConfig("simulated", "simulated", protocols=(plain, *distorted, *references)[:40])


def registry(methods: int) -> Registry:
    """A registry of fakes, with a bicubic among them."""
    module = ModuleType(MODULE)
    module.__dict__.update(FakeDataset=FakeDataset, FakeMethod=FakeMethod)
    sys.modules[MODULE] = module
    names = ["bicubic", *(f"fake{n}" for n in range(1, methods))][:methods]
    specs = [MethodSpec(name, f"{MODULE}:FakeMethod") for name in names]
    data = DatasetSpec("simulated", f"{MODULE}:FakeDataset")
    return Registry(
        {
            "methods": [Entry(spec.name, spec, "test") for spec in specs],
            "datasets": [Entry("simulated", data, "test")],
        }
    )


class Clock:
    """CPU seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the enclosed work under ``name``."""
        start = time.process_time()
        yield
        self.seconds[name] = round(time.process_time() - start, 2)


def peak_mb() -> float:
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def simulate(rows: int, shape: str, out: Path) -> dict[str, Any]:
    """One size: rows, cells, CPU seconds by step; peak MiB after the imports, the report and the merge."""
    methods = 1 if shape == "images" else STUDY_METHODS
    study = suite(shape)
    images = max(1, rows // (methods * len(study.protocols)))
    known = registry(methods)
    # imports count before the clock starts
    from refbench.cli.display import PlainProgress
    from refbench.cli.run import suite_tables
    from refbench.merging import merge
    from refbench.reporting.cells import load_cells
    from refbench.reports.report import build_report
    from refbench.reports.table_text import render
    from refbench.reports.write import write_text_formats

    def configs(folder: Path, shard: Shard | None = None) -> list[RunConfig]:
        return [
            RunConfig(
                method=MethodChoice(entry.name, locator=entry.name),
                suite=study,
                dataset="simulated",
                data=DataRequest(options={"count": str(images)}),
                out=folder,
                metrics=METRICS,
                tracking="none",
                images="none",
                shard=shard,
            )
            for entry in known.entries("methods")
        ]

    clock = Clock()
    base = peak_mb()
    settings = configs(out)
    with clock.step("plan"):
        plan = Planner(known).plan(settings)
    with clock.step("run"):
        outcome = carry_out(plan, settings[0], FakeExecutor(), PlainProgress(io.StringIO()))
    with clock.step("dry run"):
        done = finished_trials(plan, out)
        assert not plan.tasks(done)
    with clock.step("resume"):
        again = carry_out(plan, settings[0], FakeExecutor(), PlainProgress(io.StringIO()))
        assert (again.computed, again.reused) == (0, outcome.computed)
    with clock.step("tables"):
        for shown in suite_tables(again):
            render(shown, terminal=False)
    computed = outcome.computed
    del outcome, again, done
    with clock.step("report"):
        write_text_formats(build_report(load_cells([out])), FORMATS, out / "report")
    through_report = peak_mb()
    places = [out.with_name(f"{out.name}-{n}") for n in (1, 2)]
    with clock.step("two shards"):
        for n, place in enumerate(places, start=1):
            part = Planner(known).plan(configs(place, Shard(n, 2)))
            carry_out(part, configs(place)[0], FakeExecutor(), PlainProgress(io.StringIO()))
    with clock.step("merge"):
        merge(places, out.with_name(f"{out.name}-all"))
    return {
        "rows": computed,
        "cells": len(plan.cells()),
        "seconds": clock.seconds,
        "base_mb": round(base),
        "report_mb": round(through_report),
        "peak_mb": round(peak_mb()),
    }


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: one column a size, and the exponent of growth between the first and the last size."""
    first, last = found[0], found[-1]
    ratio = math.log(last["rows"] / first["rows"]) if last["rows"] > first["rows"] else 0.0

    def line(name: str, values: Sequence[float], unit: str) -> str:
        exponent = (
            f"{math.log(values[-1] / values[0]) / ratio:.2f}"
            if ratio and min(values[0], values[-1]) > 0
            else "-"
        )
        return f"| {name} | {' | '.join(f'{v:g} {unit}' for v in values)} | {exponent} |"

    steps = list(first["seconds"])
    sizes = " | ".join(f"{entry['rows']:,} rows, {entry['cells']} cells" for entry in found)
    return "\n".join(
        [
            f"| | {sizes} | exponent |",
            "|---|" + "---|" * (len(found) + 1),
            *(line(step, [f["seconds"][step] for f in found], "s") for step in steps),
            line("peak memory through report", [f["report_mb"] for f in found], "MiB"),
            line("above the imports", [f["report_mb"] - f["base_mb"] for f in found], "MiB"),
            line("peak memory with merge", [f["peak_mb"] for f in found], "MiB"),
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Each size in a process of its own, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--shape", choices=("images", "study"), default="images")
    parser.add_argument("--one", action="store_true", help="this process does the (single) size itself")
    args = parser.parse_args(argv)
    if args.one:
        # the fake method has no source
        fixed = mock.patch("refbench.plan.code_digest", lambda spec: "c" * 64)
        with tempfile.TemporaryDirectory() as folder, fixed:
            print(json.dumps(simulate(args.rows[0], args.shape, Path(folder) / "results")))
        return
    found = []
    for rows in args.rows:
        command = [sys.executable, __file__, "--one", "--rows", str(rows), "--shape", args.shape]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{rows} rows: {found[-1]}", file=sys.stderr, flush=True)
    print(table(found))


if __name__ == "__main__":
    main()
