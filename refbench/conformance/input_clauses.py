"""Clauses about what a method does with its input: references used, HR unseen, nothing modified."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from refbench.conformance.context import (
    MOST_REFS_TRIED,
    Broken,
    Context,
    NotApplicable,
    difference,
    separation,
    size,
)
from refbench.conformance.probes import Probe, noise, probe
from refbench.conformance.process_state import changed
from refbench.execution.problem import one_line
from refbench.imaging import write_png
from refbench.types import Image, Input, Trial

if TYPE_CHECKING:
    from torch import Tensor

VISIBLE_FIELDS = {"lr", "refs", "scale", "sample_id", "ref_names", "sr_cut", "sr_fit"}
"""All that an Input may hold. A field added to it must be judged here: can HR be seen through it?"""
BAIT = ("{id}_0.png", "{id}.png")
"""Names of HR files in datasets (CUFED5's, pair folders')."""
MOST_NAMED = 8
"""So many of the things that a method changed in its process are named."""
REACTION = 1e-4
"""Smallest change of SR (of 1) that counts as a reaction: 1/40 of a grey level."""


def declared(ctx: Context) -> str:
    """The numbers in the spec agree with each other."""
    spec = ctx.spec
    if not 0 <= spec.min_refs <= spec.max_refs:
        raise Broken(f"min_refs={spec.min_refs} and max_refs={spec.max_refs} are not a range")
    if spec.uses_reference and spec.max_refs == 0:
        raise Broken("uses_reference=True with max_refs=0: nothing to use")
    if min(spec.all_scales) < 1:
        raise Broken(f"scale={min(spec.all_scales)}")
    if spec.scale not in spec.all_scales:
        raise Broken(f"scale={spec.scale} is not one of scales={list(spec.scales)}")
    return f"{spec.min_refs}..{spec.max_refs} references, scale {spec.scales_text}"


def parameters(ctx: Context) -> str:
    """The class takes (weights, device) and every declared parameter by name."""
    wanted = dict.fromkeys(ctx.spec.params)
    try:
        inspect.signature(type(ctx.method)).bind(None, "cpu", **wanted)
    except TypeError as error:
        raise Broken(f"its constructor does not take what its spec declares: {error}") from None
    return ", ".join(wanted)


def hr_by_type(ctx: Context) -> str:
    """It is called with one Input, and an Input has no field for HR."""
    fields = {field.name for field in dataclasses.fields(Input)}
    if fields != VISIBLE_FIELDS:
        raise Broken(f"Input has the fields {', '.join(sorted(fields ^ VISIBLE_FIELDS))} that nobody judged")
    required = [
        p.name
        for p in inspect.signature(ctx.method.__call__).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if len(required) != 1:
        raise Broken(f"__call__ demands ({', '.join(required)}); it gets one Input and nothing else")
    return ""


def hr_by_swap(ctx: Context) -> str:
    """With HR replaced by noise, and all that the method may see unchanged, SR is the same.

    HR is where a method that cheats would look: in the frames of its callers, and in a file of the working
    folder that is called as datasets call it.
    """
    change = separation(ctx, lambda: _beside(ctx, noisy=False), lambda: _beside(ctx, noisy=True))
    if change:
        raise Broken(
            f"SR changes by up to {change:.3g} when only HR is replaced by noise: it sees the HR image"
        )
    return ""


def _beside(ctx: Context, noisy: bool) -> Tensor:
    """SR while a Trial with HR, or with noise in its place, is alive in this frame, as in the runner's.

    The other one must not exist then: a method that searches memory would find it in both runs.
    """
    made = ctx.base("swap")
    target = noise("swap", *made.hr.shape[:2]) if noisy else made.hr
    trial = Trial("probe", 0, made.lr, made.refs, target)
    del made
    with TemporaryDirectory(prefix="refbench-bait-") as folder, contextlib.chdir(folder):
        for name in BAIT:
            write_png(Path(folder, name.format(id=trial.sample_id)), target)
        del target
        return ctx.run(trial.lr, trial.refs, trial.sample_id)


def reacts(ctx: Context) -> str:
    """Another reference gives another SR; a single-image method is not moved by one."""
    trial = ctx.base("react")
    if not ctx.spec.uses_reference:
        if separation(ctx, lambda: ctx.run(trial.lr, ()), lambda: ctx.run(trial.lr, (trial.hr,))):
            raise Broken("its spec says uses_reference=False, yet a reference changes its output")
        return "no reference used, as declared"
    if not trial.refs:
        raise NotApplicable("it takes no references")
    # two replacements: one alone can agree by chance in the few numbers that a simple method looks at
    noises = tuple(noise(f"react {i}", *ref.shape[:2]) for i, ref in enumerate(trial.refs))
    negatives = tuple(255 - ref for ref in trial.refs)
    change = max(_reaction(ctx, trial, noises), _reaction(ctx, trial, negatives))
    if change < REACTION:
        raise Broken(f"another reference changes SR by {change:.2g} at most: it does not use its reference")
    return f"SR changes by up to {change:.3f}"


def _reaction(ctx: Context, trial: Probe, others: tuple[Image, ...]) -> float:
    return separation(ctx, lambda: ctx.run_probe(trial), lambda: ctx.run(trial.lr, others))


def reference_counts(ctx: Context) -> str:
    """Every declared number of references works; zero where ``min_refs=0``."""
    most = min(ctx.spec.max_refs, max(MOST_REFS_TRIED, ctx.spec.min_refs))
    tried = range(ctx.spec.min_refs, most + 1)
    hr = ctx.base("count").hr.shape
    for count in tried:
        sizes = tuple((hr[0] + 6 * i, hr[1] - 10 * i) for i in range(count))
        trial = probe("count", (hr[0] // ctx.spec.scale, hr[1] // ctx.spec.scale), sizes, ctx.spec.scale)
        try:
            sr = ctx.run_probe(trial)
        except Broken:
            raise
        except Exception as error:
            raise Broken(f"with {count} references: {one_line(error)}") from error
        if tuple(sr.shape) != (3, hr[0], hr[1]):
            raise Broken(f"with {count} references SR is {size(sr)}")
    beyond = f" (declared up to {ctx.spec.max_refs})" if most < ctx.spec.max_refs else ""
    return f"{', '.join(map(str, tried))}{beyond}"


def inputs_untouched(ctx: Context) -> str:
    """LR and references hold the same values after the call."""
    trial = ctx.base()
    inp = ctx.input(trial.lr, trial.refs)
    before = [inp.lr.clone(), *(ref.clone() for ref in inp.refs)]
    ctx.call(inp)
    names = ["lr", *(f"refs[{i}]" for i in range(len(inp.refs)))]
    modified = [
        name
        for name, old, new in zip(names, before, (inp.lr, *inp.refs), strict=True)
        if difference(old, new)
    ]
    if modified:
        raise Broken(f"{' and '.join(modified)} modified in place; clone first")
    return ""


def process_untouched(ctx: Context) -> str:
    """Loading and a first call leave what :mod:`refbench.conformance.process_state` watches alone."""
    ctx.run_probe(ctx.base())
    found = changed(ctx.process)
    if found:
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise Broken(f"changed for the whole process: {', '.join(found[:MOST_NAMED])}{more}")
    return ""
