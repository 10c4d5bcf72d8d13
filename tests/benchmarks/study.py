"""A simulated study through planner, runner, store, summaries, merge and report: time and memory by size.

    python tests/benchmarks/study.py --rows 10000 30000 100000 --shape images
    python tests/benchmarks/study.py --rows 10000 30000 100000 --shape study

``images``: one method on as many images as rows. ``study``: 6 methods x 40 protocols, as many images as it
takes. Rows come from a fake executor, so that only refbench's own work is measured; each step of each size
runs in a process of its own, whose CPU seconds and peak memory are printed as a Markdown table, with the
exponent by which the seconds grow: 1 is linear.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from unittest import mock

from refbench.execution.executor import OnResult
from refbench.execution.runner import RunOutcome, carry_out, finished_trials
from refbench.metrics import MetricCatalog
from refbench.plan.job import CellJob, Task, TaskResult
from refbench.plan.planner import Plan, Planner
from refbench.registry import Entry, Registry
from refbench.settings import MethodChoice, ProtocolEntry, RunConfig, Shard, SuiteConfig
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
    return [spec.signature for spec in MetricCatalog.of(Registry.discover()).of_names(METRICS)]


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


def names(methods: int) -> list[str]:
    """Names of the fake methods, a bicubic first."""
    return ["bicubic", *(f"fake{n}" for n in range(1, methods))]


def registry(methods: int) -> Registry:
    """A registry of fakes."""
    module = ModuleType(MODULE)
    module.__dict__.update(FakeDataset=FakeDataset, FakeMethod=FakeMethod)
    sys.modules[MODULE] = module
    specs = [MethodSpec(name, f"{MODULE}:FakeMethod") for name in names(methods)]
    data = DatasetSpec("simulated", f"{MODULE}:FakeDataset")
    return Registry(
        {
            "methods": [Entry(spec.name, spec, "test") for spec in specs],
            "datasets": [Entry("simulated", data, "test")],
            "metrics": Registry.discover().entries("metrics"),
        }
    )


def peak_mb() -> float:
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(frozen=True)
class Study:
    """One size of one shape, in a folder."""

    rows: int
    shape: str
    folder: Path

    def configs(self, out: Path, shard: Shard | None = None) -> list[RunConfig]:
        """The settings of its runs."""
        methods = 1 if self.shape == "images" else STUDY_METHODS
        protocols = suite(self.shape)
        images = max(1, self.rows // (methods * len(protocols.protocols)))
        return [
            RunConfig(
                method=MethodChoice(name, locator=name),
                suite=protocols,
                dataset="simulated",
                data=DataRequest(options={"count": str(images)}),
                out=out,
                metrics=METRICS,
                tracking="none",
                images="none",
                shard=shard,
            )
            for name in names(methods)
        ]

    @property
    def out(self) -> Path:
        """The undivided results."""
        return self.folder / "results"

    @property
    def parts(self) -> list[Path]:
        """The results of two shards."""
        return [self.folder / "shard1", self.folder / "shard2"]

    def plan(self, out: Path, shard: Shard | None = None) -> Plan:
        """The plan of the whole, or of a shard."""
        configs = self.configs(out, shard)
        return Planner(registry(len(configs))).plan(configs)

    def carry_out(self, out: Path, shard: Shard | None = None) -> RunOutcome:
        """Plan, run or resume, summarise."""
        from refbench.cli.display import PlainProgress

        plan = self.plan(out, shard)
        return carry_out(plan, self.configs(out)[0], FakeExecutor(), PlainProgress(io.StringIO()))


def plan(study: Study) -> None:
    """Cells and keys."""
    study.plan(study.out)


def run(study: Study) -> None:
    """Every trial, to its row and summary."""
    assert study.carry_out(study.out).reused == 0


def dry_run(study: Study) -> None:
    """What is there, and what is left."""
    plan = study.plan(study.out)
    assert not plan.tasks(finished_trials(plan, study.out))


def resume(study: Study) -> None:
    """Find everything done, and print the tables."""
    from refbench.cli.run import suite_tables
    from refbench.reports.table_text import render

    outcome = study.carry_out(study.out)
    assert outcome.computed == 0
    for shown in suite_tables(outcome):
        render(shown, terminal=False)


def report(study: Study) -> None:
    """Every format that is text."""
    from refbench.reports.report import build_report
    from refbench.reports.write import write_text_formats
    from refbench.results.cells import load_cells

    write_text_formats(build_report(load_cells([study.out])), FORMATS, study.folder / "report")


def shards(study: Study) -> None:
    """The same trials as two shards, one after the other."""
    for number, part in enumerate(study.parts, start=1):
        study.carry_out(part, Shard(number, 2))


def join(study: Study) -> None:
    """The two shards as one."""
    from refbench.results.merging import merge

    cells = merge(study.parts, study.folder / "joined")
    assert not any(cell.record.partial for cell in cells)


STEPS: Mapping[str, Callable[[Study], None]] = {
    "plan": plan,
    "run": run,
    "dry run": dry_run,
    "resume, tables": resume,
    "report": report,
    "two shards": shards,
    "merge": join,
}


def measure(step: str, study: Study) -> dict[str, float]:
    """One step in this process: CPU seconds, and peak MiB in all and above what the imports take."""
    # imports count before the clock starts
    for name in (
        "cli.run",
        "cli.display",
        "merging",
        "reports.report",
        "reports.write",
        "reports.table_text",
    ):
        import_module(f"refbench.{name}")
    base, start = peak_mb(), time.process_time()
    # the fake method has no source
    with mock.patch("refbench.plan.planner.code_digest", return_value="c" * 64):
        STEPS[step](study)
    peak = peak_mb()
    return {"seconds": round(time.process_time() - start, 2), "mb": round(peak), "above": round(peak - base)}


def table(rows: Sequence[int], found: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    """Markdown: CPU seconds and peak memory of each step by size, and how the seconds grow."""
    sizes = " | ".join(f"{count:,} rows" for count in rows)
    lines = [f"| step | {sizes} | growth |", "|---|" + "---|" * (len(rows) + 1)]
    for step in found[0]:
        entries = [size[step] for size in found]
        shown = " | ".join(f"{e['seconds']:.1f} s, {e['mb']:.0f} MiB ({e['above']:.0f})" for e in entries)
        first, last = entries[0]["seconds"], entries[-1]["seconds"]
        exponent = (
            f"{math.log(last / first) / math.log(rows[-1] / rows[0]):.2f}"
            if len(rows) > 1 and min(first, last) >= 0.1
            else "-"
        )
        lines.append(f"| {step} | {shown} | {exponent} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Each step of each size in a process of its own, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--shape", choices=("images", "study"), default="images")
    parser.add_argument("--step", choices=tuple(STEPS), help="this process does one step of one size itself")
    parser.add_argument("--folder", type=Path, help="with --step: where the earlier steps left their files")
    args = parser.parse_args(argv)
    if args.step:
        print(json.dumps(measure(args.step, Study(args.rows[0], args.shape, args.folder))))
        return
    found = []
    for rows in args.rows:
        steps: dict[str, Mapping[str, float]] = {}
        with tempfile.TemporaryDirectory() as folder:
            for step in STEPS:
                words = ["--step", step, "--rows", str(rows), "--shape", args.shape, "--folder", folder]
                done = subprocess.run(
                    [sys.executable, __file__, *words], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    sys.exit(done.stderr)
                steps[step] = json.loads(done.stdout.splitlines()[-1])
                print(f"{rows} rows, {step}: {steps[step]}", file=sys.stderr, flush=True)
        found.append(steps)
    print(table(args.rows, found))


if __name__ == "__main__":
    main()
