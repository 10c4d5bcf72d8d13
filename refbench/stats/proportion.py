"""A share of images with Clopper and Pearson's exact interval (1934)."""

from __future__ import annotations

from dataclasses import dataclass

from refbench.stats.beta import binomial_limits


@dataclass(frozen=True)
class Proportion:
    """``count`` of ``n`` images, with a 95 % interval."""

    count: int
    n: int
    share: float | None
    """``count / n`` in [0, 1]; None without any image."""
    lo: float | None
    hi: float | None


def exact(count: int, n: int) -> Proportion:
    """The share ``count / n`` with its exact interval, which stays in [0, 1] and is not empty at 0 or n.

    Raises ValueError unless 0 <= count <= n.
    """
    if not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is not a share")
    if n == 0:
        return Proportion(0, 0, None, None, None)
    return Proportion(count, n, count / n, *binomial_limits(count, n))
