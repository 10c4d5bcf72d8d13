"""False alarms of the gate: ``python tools/gate_false_alarms.py``.

One baseline for each method with its bundled weights, made with one thread and no memory limit; then the same
images again and again with other numbers of threads and other tilings. Nothing was changed, so every verdict
other than "unchanged" is a false alarm. Finished runs in ``--out`` are used again.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from refbench.gate import baseline_of, check
from refbench.testing import run_suite

METHODS = ("ttsr", "datsr", "c2_matching")
THREADS = (1, 2, 3, 4)
MEMORY = ("", "36MB", "44MB", "60MB", "90MB")
"""On the sample images from 24 windows of a pass to one; without a limit there is none."""


def setting(repetition: int) -> tuple[str, int, str]:
    """Method, threads and memory limit of one repetition; all combinations come in turn."""
    rest, method = divmod(repetition, len(METHODS))
    return METHODS[method], THREADS[rest % len(THREADS)], MEMORY[rest % len(MEMORY)]


def main(argv: Sequence[str] | None = None) -> None:
    """Parse ``--repetitions --images --out``, run, and print what the gate says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--images", type=int, default=6, help="of the bundled sample (default 6)")
    parser.add_argument("--out", type=Path, default=Path("false_alarms"))
    args = parser.parse_args(argv)

    def run(folder: str, method: str, threads: int, memory: str) -> tuple:  # type: ignore[type-arg]
        limit = [f"memory.limit={memory}"] if memory else []
        return run_suite(
            f"method={method}", "suite=cufed5", f"limit={args.images}", "baseline_method=none",
            f"threads={threads}", *limit, out=args.out / folder,
        )  # fmt: skip

    baselines = {m: baseline_of(run(f"baseline_{m}", m, 1, ""), {}) for m in METHODS}
    verdicts: Counter[str] = Counter()
    changed = 0
    largest: dict[str, float] = {}
    for repetition in range(args.repetitions):
        method, threads, memory = setting(repetition)
        result = check(baselines[method], run(f"r{repetition:03d}", method, threads, memory))
        verdicts[result.verdict] += 1
        changed += any(m.change for cell in result.cells for m in cell.metrics)
        for metric in (m for cell in result.cells for m in cell.metrics):
            largest[metric.name] = max(largest.get(metric.name, 0.0), metric.largest)
    print(f"{args.repetitions} repetitions, {args.images} images each, {changed} with any change of a mean")
    print(", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
    print("largest change of one image: " + ", ".join(f"{n} {v:.6f}" for n, v in sorted(largest.items())))


if __name__ == "__main__":
    main()
