"""The incomplete beta function, and what follows from it: Student's t and the binomial distribution.

scipy has these too, but importing it takes longer than everything that ``refbench check`` computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

_TINY = 1e-300


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised I_x(a, b) in [0, 1], for a, b > 0 and x in [0, 1].

    The continued fraction of DLMF 8.17.22, evaluated by Lentz's method (Thompson and Barnett 1986).
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        # on that side the fraction converges slowly
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    fraction = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            fraction *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return min(1.0, math.exp(log_front) * fraction / a)


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def t_two_sided(t: float, freedom: int) -> float:
    """P(|T| >= |t|) of Student's t with ``freedom`` >= 1 degrees of freedom (DLMF 8.17, A&S 26.7.1)."""
    square = t * t
    if square < freedom:
        # the other tail keeps the digits of a small t
        return 1.0 - incomplete_beta(0.5, freedom / 2.0, square / (freedom + square))
    return incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + square))


@lru_cache(maxsize=4096)
def t_975(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    return _falling_root(lambda t: t_two_sided(t, freedom) - 0.05, 1.9, 13.0)


@lru_cache(maxsize=1024)
def t_80(freedom: int) -> float:
    """The 80 % quantile of Student's t."""
    return _falling_root(lambda t: t_two_sided(t, freedom) - 0.4, 0.8, 1.4)


@lru_cache(maxsize=4096)
def binomial_limits(count: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's exact 95 % interval of a share (1934), 0 <= count <= n, n >= 1."""
    lo = 0.0 if count == 0 else _falling_root(lambda p: 0.025 - incomplete_beta(count, n - count + 1, p))
    hi = 1.0 if count == n else _falling_root(lambda p: 0.975 - incomplete_beta(count + 1, n - count, p))
    return lo, hi


def _falling_root(function: Callable[[float], float], lo: float = 0.0, hi: float = 1.0) -> float:
    """Where ``function``, positive at ``lo`` and negative at ``hi``, is zero; by bisection."""
    for _ in range(60):
        middle = (lo + hi) / 2.0
        lo, hi = (middle, hi) if function(middle) > 0.0 else (lo, middle)
    return (lo + hi) / 2.0
