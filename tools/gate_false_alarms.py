"""False alarms of the gate: ``python tools/gate_false_alarms.py``.

Each method is called on the sample images with one thread and no memory limit; then again and again, with
threads and a memory limit drawn by a seed. Nothing was changed, so every verdict other than "unchanged" is
a false alarm.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from collections.abc import Sequence

import torch

from refbench.config.load import load_run
from refbench.execution.call import Images, Settings, call
from refbench.execution.worker import method_of
from refbench.gate.compare import compared, rule_of
from refbench.gate.tolerance import Limits
from refbench.metrics.metric_set import MetricSet
from refbench.plan.job import CellJob
from refbench.plan.planner import Planner
from refbench.registry import Registry, load_class
from refbench.specs import MetricSpec
from refbench.types import Method, Trial

METHODS = ("bicubic", "ttsr", "c2_matching", "edvr_ref")
THREADS = (1, 2, 3, 4)
MEMORY = (36_000_000, 90_000_000)
"""Bytes between which limits are drawn: on the sample images from many windows of a pass to one."""

Values = dict[str, dict[tuple[str, int], float]]


class Case:
    """A method, and the trials that it is called on."""

    def __init__(self, name: str, images: int) -> None:
        registry = Registry.discover()
        settings = [f"method={name}", "suite=cufed5", f"limit={images}", "against=none"]
        plan = Planner(registry).plan(load_run(settings, registry), device="cpu")
        (cell,) = plan.cells()
        self.job: CellJob = cell.job
        self.method: Method = method_of(cell.job.method)
        self.metrics = MetricSet(cell.job.metrics)
        dataset = load_class(cell.job.data.target)(cell.job.data.request)
        self.trials: list[Trial] = [
            cell.protocol.apply(dataset.load(i), 0, cell.job.seed, dataset) for i in cell.ids
        ]

    def values(self, threads: int, memory: int | None) -> tuple[Values, int]:
        """(alias -> trial -> value as the gate rounds it, the most windows of any pass)."""
        torch.set_num_threads(threads)
        found: Values = {spec.alias: {} for spec in self.job.metrics}
        windows = 1
        for trial in self.trials:
            images = Images(lr=trial.lr, refs=trial.refs, sample_id=trial.sample_id, sr_cut=trial.sr_cut)
            done = call(self.method, images, Settings(memory_limit=memory, tiles=True))
            if done.problem is not None or done.sr is None:
                raise SystemExit(f"{trial.sample_id}: {done.problem}")
            windows = max([windows, *done.tiles.values()])
            scores, _ = self.metrics.score(done.sr, trial)
            for spec in self.job.metrics:
                value = scores[spec.signature]
                assert value is not None
                found[spec.alias][trial.sample_id, 0] = round(value, spec.decimals + 2)
        return found, windows

    def specs(self) -> tuple[MetricSpec, ...]:
        return self.job.metrics


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the options and print what the gate says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--images", type=int, default=13, help="of the bundled sample (default: all 13)")
    parser.add_argument("--methods", nargs="+", default=METHODS, help=f"default: {' '.join(METHODS)}")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn threads and memory limits")
    args = parser.parse_args(argv)
    draw = random.Random(args.seed)
    cases = {name: Case(name, args.images) for name in args.methods}
    then = {name: case.values(1, None)[0] for name, case in cases.items()}
    verdicts: Counter[str] = Counter()
    threads: Counter[int] = Counter()
    tilings: Counter[int] = Counter()
    limits: set[int] = set()
    largest: dict[str, float] = {}
    for repetition in range(args.repetitions):
        name = args.methods[repetition % len(args.methods)]
        used = draw.choice(THREADS)
        limit = round(math.exp(draw.uniform(*map(math.log, MEMORY))))
        now, windows = cases[name].values(used, limit)
        threads[used] += 1
        tilings[windows] += 1
        limits.add(limit)
        worst = "unchanged"
        for spec in cases[name].specs():
            rule = rule_of(Limits(), spec.alias, spec.signature, random=False)
            verdict = compared(spec.alias, then[name][spec.alias], now[spec.alias], rule, spec)
            largest[spec.alias] = max(largest.get(spec.alias, 0.0), verdict.largest)
            worst = verdict.verdict if verdict.verdict != "unchanged" else worst
        verdicts[worst] += 1
    print(
        f"{args.repetitions} repetitions of {args.images} images each ({', '.join(args.methods)}), "
        f"torch {torch.__version__}"
    )
    print("threads: " + ", ".join(f"{k} in {n}" for k, n in sorted(threads.items())))
    print(
        f"memory limits: {len(limits)} different; most windows of a pass: "
        + ", ".join(f"{k} in {n}" for k, n in sorted(tilings.items()))
    )
    print("verdicts: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
    print("largest change of one image: " + ", ".join(f"{n} {v:.6f}" for n, v in sorted(largest.items())))


if __name__ == "__main__":
    main()
