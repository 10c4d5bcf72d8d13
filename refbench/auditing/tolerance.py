"""How far a value that is computed again may be from the stated one, by what computes it."""

from __future__ import annotations

from math import isclose

from refbench.specs import MetricSpec

EXACT, LEARNED = 1e-6, 1e-3
"""Relative: formulas in float64 on the same 8-bit images, and networks in float32 on another processor."""
NEAR_ZERO = 1e-6
_FORMULAS = ("refbench.metrics.psnr:", "refbench.metrics.ssim:")


def relative_tolerance(spec: MetricSpec) -> float:
    """The part of a metric's value that rounding may change."""
    return EXACT if spec.target.startswith(_FORMULAS) else LEARNED


def tolerance_text(spec: MetricSpec) -> str:
    """The tolerance as documents state it."""
    return f"{relative_tolerance(spec):g} of the value, {NEAR_ZERO:g} near zero"


def alike(a: float | None, b: float | None, relative: float = EXACT) -> bool:
    """Whether two values agree; None agrees with None alone."""
    if a is None or b is None:
        return a is b
    return isclose(a, b, rel_tol=relative, abs_tol=NEAR_ZERO)
