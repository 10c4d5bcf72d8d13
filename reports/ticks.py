"""Where the ticks of an axis are and how they are written; the page and the figures share it."""

from __future__ import annotations

import math


def nice_ticks(lo: float, hi: float, count: int = 6) -> list[float]:
    """Round numbers within [lo, hi], about ``count`` of them."""
    span = hi - lo
    if span <= 0 or not math.isfinite(span):
        return [lo]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(lo / step - 1e-9)
    # far from zero a tick's own rounding may step over a narrow range's ends
    return [min(max(k * step, lo), hi) for k in range(first, math.floor(hi / step + 1e-9) + 1)]


def log_ticks(lo: float, hi: float) -> list[float]:
    """1, 2, 5 times powers of ten within [lo, hi], thinned to powers for wide ranges."""
    powers = range(math.floor(math.log10(lo)), math.ceil(math.log10(hi)) + 1)
    steps = (1,) if len(powers) > 4 else (1, 2, 5)
    return [m * 10.0**p for p in powers for m in steps if lo * 0.999 <= m * 10.0**p <= hi * 1.001]


def log_axis_ticks(lo: float, hi: float) -> list[float]:
    """Ticks of a logarithmic axis: a narrow range may hold none of 1, 2 and 5."""
    ticks = log_ticks(lo, hi)
    return ticks if len(ticks) > 2 else nice_ticks(lo, hi, 4)


def number_text(value: float) -> str:
    """``0.25``, ``4.2e7``."""
    if abs(value) < 1e5:
        return f"{value:.4g}"
    return f"{value:.3g}".replace("e+0", "e").replace("e+", "e")
