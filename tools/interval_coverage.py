"""How often the 95 % intervals hold the truth and the test cries wolf: ``python tools/interval_coverage.py``.

Prints the tables of docs/statistics.md. Every population has mean 0; a value is one image's.

normal        standard normal
skewed        gamma with shape 1.5, skewness 1.6: the PSNR values of a set of photographs
lognormal     exp of a standard normal, skewness 6.2: differences where some images gain much
outliers      normal with deviation 0.2, and 3 more on 5 % of the images: the reference helps on a few
both sides    the same with outliers of either sign
heavy tails   Student's t with 3 degrees of freedom
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from refbench.stats import compare_differences, mean_interval
from refbench.stats.beta import t_975

Floats = npt.NDArray[np.float64]
Population = Callable[[np.random.Generator, int], Floats]
SIZES = (8, 13, 30, 80, 126)
RESAMPLES = 1_999
"""Of the percentile bootstrap, which stands here to be compared with."""


def normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_normal(n)


def skewed(rng: np.random.Generator, n: int) -> Floats:
    return (rng.gamma(1.5, size=n) - 1.5) / math.sqrt(1.5)


def lognormal(rng: np.random.Generator, n: int) -> Floats:
    drawn: Floats = rng.lognormal(size=n) - math.exp(0.5)
    return drawn


def outliers(rng: np.random.Generator, n: int) -> Floats:
    return 0.2 * rng.standard_normal(n) + 3.0 * (rng.random(n) < 0.05) - 0.15


def both_sides(rng: np.random.Generator, n: int) -> Floats:
    drawn: Floats = 0.2 * rng.standard_normal(n) + 3.0 * (rng.random(n) < 0.05) * rng.choice(
        [-1.0, 1.0], size=n
    )
    return drawn


def heavy_tails(rng: np.random.Generator, n: int) -> Floats:
    drawn: Floats = rng.standard_t(3, size=n)
    return drawn


POPULATIONS: dict[str, Population] = {
    "normal": normal,
    "skewed": skewed,
    "lognormal": lognormal,
    "outliers": outliers,
    "both sides": both_sides,
    "heavy tails": heavy_tails,
}


def coverage(population: Population, n: int, repeats: int, seed: int) -> dict[str, float]:
    """Shares of ``repeats`` simulated sets of n images: whose interval holds the true mean 0, of refbench
    and of the two that it used to choose between; and whose test calls the mean different from 0.
    """
    rng = np.random.default_rng([seed, n])
    draws = np.random.default_rng([seed, n, 1]).integers(0, n, size=(RESAMPLES, n))
    ids = [f"{i:04d}" for i in range(n)]
    found = {"refbench": 0, "t": 0, "percentile": 0, "false alarms": 0}
    widths = []
    for _ in range(repeats):
        values = population(rng, n)
        comparison = compare_differences(values, ids)
        interval = comparison.difference
        assert interval.lo is not None
        assert interval.hi is not None
        found["refbench"] += interval.lo <= 0.0 <= interval.hi
        found["false alarms"] += comparison.significant
        half = t_975(n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
        found["t"] += abs(float(values.mean())) <= half
        lo, hi = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
        found["percentile"] += lo <= 0.0 <= hi
        widths.append((interval.hi - interval.lo) / (2.0 * half))
    shares = {name: count / repeats for name, count in found.items()}
    return {**shares, "width": float(np.median(widths))}


def draws_taken_as_images(n: int, repeats: int, seed: int) -> tuple[float, float]:
    """Coverage of refbench, and of an interval that takes 5 draws of an image for 5 images (PSNR of 3 dB
    spread between images, 0.3 dB between draws)."""
    rng = np.random.default_rng([seed, n, 2])
    clusters = [f"{i:04d}" for i in range(n) for _ in range(5)]
    right = wrong = 0
    for _ in range(repeats):
        values = np.repeat(3.0 * rng.standard_normal(n), 5) + 0.3 * rng.standard_normal(5 * n)
        interval = mean_interval(values, clusters)
        assert interval.lo is not None
        assert interval.hi is not None
        right += interval.lo <= 0.0 <= interval.hi
        wrong += abs(float(values.mean())) <= 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return right / repeats, wrong / repeats


def detected(n: int, spread: float, loss: float, repeats: int, seed: int) -> float:
    """Share of simulated runs that find a true mean loss (normal differences with this spread)."""
    rng = np.random.default_rng([seed, n, 3])
    ids = [f"{i:04d}" for i in range(n)]
    hits = sum(
        compare_differences(spread * rng.standard_normal(n) - loss, ids).difference.excludes_zero
        for _ in range(repeats)
    )
    return hits / repeats


def report(sizes: Sequence[int], repeats: int, seed: int) -> str:
    """The simulation as Markdown tables."""
    error = 100.0 * math.sqrt(0.05 * 0.95 / repeats)
    lines = [
        f"{repeats} simulated sets per line (seed {seed}); the simulation's own standard error is "
        f"{error:.1f} points.",
        "",
        "| population | images | refbench | Student's t | percentile bootstrap | false alarms | width |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, population in POPULATIONS.items():
        for n in sizes:
            found = coverage(population, n, repeats, seed)
            shares = [f"{100 * found[k]:.1f} %" for k in ("refbench", "t", "percentile", "false alarms")]
            lines.append(f"| {name} | {n} | {' | '.join(shares)} | x {found['width']:.2f} |")
    lines += ["", "| images, 5 draws each | refbench | draws taken as images |", "|---:|---:|---:|"]
    for n in sizes:
        right, wrong = draws_taken_as_images(n, repeats, seed)
        lines.append(f"| {n} | {100 * right:.1f} % | {100 * wrong:.1f} % |")
    lines += ["", "| images | spread | true loss | found |", "|---:|---:|---:|---:|"]
    for n in sizes:
        for loss in (0.05, 0.1, 0.2):
            share = detected(n, 0.2, loss, repeats, seed)
            lines.append(f"| {n} | 0.2 dB | {loss:g} dB | {100 * share:.0f} % |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse ``--repeats --seed --sizes`` and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000, help="simulated sets per line (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of images")
    args = parser.parse_args(argv)
    print(report(args.sizes, args.repeats, args.seed))


if __name__ == "__main__":
    main()
