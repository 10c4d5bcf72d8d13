"""Clauses about what a method returns: shape, type, values, sizes, repeatability."""

from __future__ import annotations

from dataclasses import replace

from refbench.conformance.context import Broken, Context, NotApplicable, difference, size
from refbench.errors import SampleError
from refbench.execution.problem import one_line

FAR_LOW, FAR_HIGH = -0.25, 1.25
"""Outside these a value is far from [0, 1]: overshoot at edges stays well inside."""
FAR_SHARE = 0.05
"""More than this share of far values: another value range, such as 0..255 or -1..1."""

ODD_SIZES: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = (
    ((17, 23), (68, 92)),
    ((9, 31), (101, 67)),
    ((17, 23), (133, 149)),
    ((9, 31), (33, 29)),
    ((24, 32), (7, 5)),
    ((3, 5), (21, 40)),
)
"""(LR, reference) sizes (H, W): odd, larger and smaller than the input, very small."""
TINY_REFERENCE = 16
"""Pixels a side below which a reference may be refused, as an error of its sample: nothing to match."""


USUAL_SCALES = (2, 3, 4, 8)
"""Those of the shipped protocols."""


def shape(ctx: Context) -> str:
    """(3, scale*H, scale*W) for a plain input, at its own scale and the usual ones of those it declares."""
    found: list[str] = []
    for scale in dict.fromkeys((ctx.spec.scale, *(s for s in USUAL_SCALES if s in ctx.spec.all_scales))):
        at = replace(ctx, spec=replace(ctx.spec, scale=scale))
        trial = at.base()
        sr = at.run_probe(trial)
        try:
            _expect_shape(at, trial.lr.shape[:2], tuple(sr.shape))
        except Broken as error:
            raise Broken(f"asked for x{scale}, {error}" if found else str(error)) from None
        found.append(size(sr))
    return ", ".join(found)


def dtype(ctx: Context) -> str:
    """float32, whatever the method computes in."""
    import torch

    found = ctx.run_probe(ctx.base()).dtype
    if found != torch.float32:
        raise Broken(f"returned {found}; end with .float()")
    return ""


def finite(ctx: Context) -> str:
    """No NaN and no infinity, also on flat black and white inputs where normalisation divides by zero."""
    import numpy as np
    import torch

    base = ctx.base()
    flat = {"black": np.zeros_like(base.lr), "white": np.full_like(base.lr, 255)}
    for name, lr in {"textured": base.lr, **flat}.items():
        refs = base.refs if name == "textured" else tuple(np.full_like(r, lr.flat[0]) for r in base.refs)
        sr = ctx.run(lr, refs)
        bad = int((~torch.isfinite(sr)).sum())
        if bad:
            raise Broken(f"{bad} of {sr.numel()} values are not finite on the {name} input")
    return "textured, black and white inputs"


def value_range(ctx: Context) -> str:
    """Values belong to [0, 1]; some overshoot is clamped later, another scale is not."""
    sr = ctx.run_probe(ctx.base()).float()
    outside = float(((sr < 0) | (sr > 1)).float().mean())
    far = float(((sr < FAR_LOW) | (sr > FAR_HIGH)).float().mean())
    seen = f"{float(sr.min()):.3f}..{float(sr.max()):.3f}, {100 * outside:.2f} % outside [0, 1]"
    if far > FAR_SHARE:
        raise Broken(f"{seen}, {100 * far:.1f} % far outside; does it return 0..255 or -1..1?")
    return seen


def deterministic(ctx: Context) -> str:
    """The same input twice gives the same bits."""
    trial = ctx.base()
    change = difference(ctx.run_probe(trial), ctx.run_probe(trial))
    if change == 0.0:
        return ""
    if not ctx.spec.deterministic:
        raise NotApplicable(f"its spec says deterministic=False; two calls differ by up to {change:.3g}")
    raise Broken(f"two calls differ by up to {change:.3g}; seed it per call, or declare deterministic=False")


def stateless(ctx: Context) -> str:
    """A call does not depend on the calls before it: A, B, A gives the first A again."""
    if not ctx.spec.deterministic:
        raise NotApplicable("its spec says deterministic=False")
    first, other = ctx.base(), ctx.sized("other", (16, 40))
    before = ctx.run_probe(first)
    ctx.run_probe(other)
    change = difference(before, ctx.run_probe(first))
    if change:
        raise Broken(f"after another image the same input differs by up to {change:.3g}; what does it cache?")
    return ""


def odd_sizes(ctx: Context) -> str:
    """Any LR size with any reference size; a tiny reference may be refused with a SampleError."""
    tried, refused = [], []
    for lr, ref in ODD_SIZES:
        trial = ctx.sized(f"odd {lr} {ref}", lr, ref)
        label = f"LR {size(lr)}" + (f" ref {size(ref)}" if trial.refs else "")
        try:
            sr = ctx.run_probe(trial)
        except Broken:
            raise
        except Exception as error:
            if isinstance(error, SampleError) and trial.refs and min(ref) < TINY_REFERENCE:
                refused.append(size(ref))
                continue
            raise Broken(f"{label}: {one_line(error)}") from error
        try:
            _expect_shape(ctx, lr, tuple(sr.shape))
        except Broken as error:
            raise Broken(f"{label}: {error}") from None
        tried.append(label)
    too_small = f"; refused as too small: ref {', '.join(refused)}" if refused else ""
    return f"{len(dict.fromkeys(tried))} size combinations{too_small}"


def _expect_shape(ctx: Context, lr: tuple[int, ...], found: tuple[int, ...]) -> None:
    expected = (3, lr[0] * ctx.spec.scale, lr[1] * ctx.spec.scale)
    if found != expected:
        raise Broken(f"SR is {size(found)}, expected {size(expected)}")
