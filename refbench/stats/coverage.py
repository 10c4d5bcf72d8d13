"""How often the 95 % intervals hold the truth and the tests cry wolf: ``python -m refbench.stats.coverage``.

Prints Markdown. The population: PSNR of an image = 27 dB + 3 dB x a standardised variable (normal, or
gamma with shape 1.5, skewness 1.6), plus 0.3 dB of noise per draw, 5 draws an image.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

import numpy as np

from refbench.stats.bootstrap import bootstrap_means, percentile_interval
from refbench.stats.cluster import Floats, cluster_means
from refbench.stats.interval import BOOTSTRAP_FROM, mean_interval
from refbench.stats.paired import compare_differences

SIZES = (8, 12, 80, 126)
"""The bundled sample sets, WR-SR and CUFED5."""
TRUE_MEAN, SPREAD, NOISE, DRAWS = 27.0, 3.0, 0.3, 5
Population = Callable[[np.random.Generator, int], Floats]


def normal(rng: np.random.Generator, n: int) -> Floats:
    """Standard normal, shape (n,)."""
    return rng.standard_normal(n)


def skewed(rng: np.random.Generator, n: int) -> Floats:
    """Gamma with shape 1.5, shifted and scaled to mean 0 and variance 1; skewness 1.63."""
    return (rng.gamma(1.5, size=n) - 1.5) / math.sqrt(1.5)


POPULATIONS: dict[str, Population] = {"normal": normal, "skewed": skewed}


def trials(rng: np.random.Generator, population: Population, n: int) -> tuple[Floats, list[str]]:
    """Values and image ids of ``n`` images with DRAWS draws each."""
    images = TRUE_MEAN + SPREAD * population(rng, n)
    values = np.repeat(images, DRAWS) + NOISE * rng.standard_normal(n * DRAWS)
    return values, [f"{i:03d}" for i in range(n) for _ in range(DRAWS)]


def interval_coverage(population: Population, n: int, repeats: int, seed: int) -> dict[str, float]:
    """Share of simulated runs whose interval holds the true mean: refbench's, and two that it avoids."""
    rng = np.random.default_rng([seed, n])
    hits = {"refbench": 0, "percentile bootstrap": 0, "trials taken as independent": 0}
    for _ in range(repeats):
        values, ids = trials(rng, population, n)
        interval = mean_interval(values, ids)
        assert interval.lo is not None
        assert interval.hi is not None
        hits["refbench"] += interval.lo <= TRUE_MEAN <= interval.hi
        if n < BOOTSTRAP_FROM:
            _, means = cluster_means(values, ids)
            lo, hi = percentile_interval(bootstrap_means(means))
        else:
            lo, hi = interval.lo, interval.hi
        hits["percentile bootstrap"] += lo <= TRUE_MEAN <= hi
        half = 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
        hits["trials taken as independent"] += abs(float(values.mean()) - TRUE_MEAN) <= half
    return {name: count / repeats for name, count in hits.items()}


def false_alarms(population: Population, n: int, repeats: int, seed: int) -> float:
    """Share of simulated null comparisons (paired differences with mean 0) with p <= 0.05."""
    rng = np.random.default_rng([seed, n, 1])
    alarms = 0
    for _ in range(repeats):
        images = 0.2 * population(rng, n)
        values = np.repeat(images, DRAWS) + 0.1 * rng.standard_normal(n * DRAWS)
        ids = [f"{i:03d}" for i in range(n) for _ in range(DRAWS)]
        alarms += compare_differences(values, ids).p <= 0.05
    return alarms / repeats


def report(sizes: Sequence[int], repeats: int, seed: int) -> str:
    """The simulation as two Markdown tables."""
    error = 100.0 * math.sqrt(0.05 * 0.95 / repeats)
    lines = [
        f"{repeats} simulated runs per line (seed {seed}), {DRAWS} draws an image; "
        f"the simulation's own standard error is {error:.1f} points.",
        "",
        "| images | population | refbench | percentile bootstrap | trials taken as independent |",
        "|---|---|---|---|---|",
    ]
    for name, population in POPULATIONS.items():
        for n in sizes:
            cover = interval_coverage(population, n, repeats, seed)
            kind = "bootstrap" if n >= BOOTSTRAP_FROM else "t"
            cells = [f"{100 * share:.1f} %" for share in cover.values()]
            cells[0] += f" ({kind})"
            lines.append(f"| {n} | {name} | {' | '.join(cells)} |")
    lines += ["", "| images | population | test | p <= 0.05 under the null |", "|---|---|---|---|"]
    for name, population in POPULATIONS.items():
        for n in sizes:
            test = "paired bootstrap" if n >= BOOTSTRAP_FROM else "exact sign-flip"
            lines.append(
                f"| {n} | {name} | {test} | {100 * false_alarms(population, n, repeats, seed):.1f} % |"
            )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse ``--repeats --seed --sizes`` and print the report."""
    parser = argparse.ArgumentParser(prog="python -m refbench.stats.coverage", description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000, help="simulated runs per line (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of images")
    args = parser.parse_args(argv)
    print(report(args.sizes, args.repeats, args.seed))


if __name__ == "__main__":
    main()
