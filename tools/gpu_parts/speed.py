"""How fast: the card's ceilings, matching, whole nets against plain builds, precisions."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gpu_parts.agreement import loaded, pictures
from gpu_parts.base import Bench, Row, shown
from refbench.execution.call import Settings, invoke
from refbench.execution.precision import precision_scope
from refbench.matching import match
from refbench.matching.exact import plain_search
from refbench.matching.fused import Blocks, fused_search, plan_slabs, slab_problem
from refbench.matching.fused_use import multiprocessors, plain_only, refusal, splits_for
from refbench.methods.c2_matching.config import RELEASED as C2_RELEASED
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.datsr.config import RELEASED as DATSR_RELEASED
from refbench.methods.datsr.model import DatsrModel
from refbench.nets.framing import pil_up
from refbench.profiling.images import feature_pair
from refbench.profiling.plain_matchers import official

PRECISIONS = ("fp32", "tf32")
NEAR_TIES = 0.01
"""Share of SR that a few flipped matches may change."""


def ceilings(bench: Bench) -> list[Row]:
    """Matrix products in three precisions, and a copy."""
    side, rows = 8192 if bench.cuda else 512, []
    for name in ("fp32", "tf32", "bf16"):
        if name == "tf32" and not bench.cuda:
            rows.append(Row("ceilings", "matrix product, tf32", "a CPU has none", "needs a card"))
            continue
        kind = torch.bfloat16 if name == "bf16" else torch.float32
        a, b = (torch.randn(side, side, device=bench.device, dtype=kind) for _ in range(2))
        with precision_scope("tf32" if name == "tf32" else "fp32"):
            seconds = bench.seconds(lambda a=a, b=b: a @ b)  # type: ignore[misc]
        rows.append(
            Row("ceilings", f"matrix product, {name}", f"{2e-12 * side**3 / seconds:.3g} TFLOP/s", "info")
        )
    source = torch.empty((512 if bench.cuda else 32) * 2**18, device=bench.device)
    target = torch.empty_like(source)
    seconds = bench.seconds(lambda: target.copy_(source))
    moved = 2e-9 * source.numel() * 4 / seconds
    return [*rows, Row("ceilings", "copy, read and written", f"{moved:.4g} GB/s", "info")]


def matching(bench: Bench) -> list[Row]:
    """The official algorithm with TF32 on and off against the plain path and the fused ones."""
    size = (125, 83, 256) if bench.cuda else (20, 16, 32)
    query, reference = feature_pair(size, 0, bench.device)
    rows, seconds = [], {}
    device = bench.device

    def plain(k: int) -> Any:
        with plain_only():
            return match(query, reference, k=k)

    calls: dict[str, Callable[[], Any]] = {
        "official, tf32": lambda: _official(query, reference, "tf32"),
        "official, fp32": lambda: _official(query, reference, "fp32"),
        "plain path": lambda: plain(1),
    }
    refused = "there is no card" if not bench.cuda else refusal(device, plain_search)
    if refused is None:
        calls |= {
            "fused": lambda: match(query, reference),
            "fused, K=4": lambda: match(query, reference, k=4),
            "fused, bf16x3": lambda: match(query, reference, precision="bf16x3"),
            "fused, tf32": lambda: match(query, reference, precision="tf32"),
            "fused, fp16": lambda: match(query, reference, precision="fp16"),
        }
    else:
        status: Any = "fail" if bench.cuda else "needs a card"
        rows.append(Row("matching", "fused", refused, status))
    exact = plain(1)
    for name, call in calls.items():
        with torch.inference_mode():
            seconds[name] = bench.seconds(call)
            peak = bench.peak_mb(call)
            found = call()
        value, good = shown(seconds[name]), True
        if not isinstance(found, tuple) and "K=4" not in name:
            lost = float((exact.similarity - found.similarity).max())
            differ = int((exact.index != found.index).sum())
            good = lost <= 1e-6
            value += f", {differ} indices differ from the plain path, similarity lost {lost:.1e}"
        if name != "official, tf32":
            value += f", {seconds['official, tf32'] / seconds[name]:.2f} times official with TF32"
        label = f"{name}, {'x'.join(map(str, size))}"
        rows.append(Row("matching", label, value, "pass" if good else "fail", peak))
    return rows


def _official(query: Tensor, reference: Tensor, precision: str) -> tuple[Tensor, Tensor]:
    with precision_scope(precision):
        return official(query, reference)


def kernel_blocks(bench: Bench) -> list[Row]:
    """The fused search with other block sizes: what Blocks.of and PRODUCT_MB should say."""
    if not bench.cuda:
        return [Row("blocks", "sizes of the fused kernel", "no kernel runs on a CPU", "needs a card")]
    from refbench.matching.features import prepare
    from refbench.matching.flavours import FLAVOURS
    from refbench.matching.task import Task

    query, reference = feature_pair((125, 83, 256), 0, bench.device)
    given: Any = {"patch": 3, "stride": 1, "padding": 0, "per_pixel": True}
    fq, fr = prepare(query, name="query", **given), prepare(reference, name="reference", **given)
    exact = Task(fq, fr, FLAVOURS["c2"].inverse(fr.patch_norm), None, 3, 1, 256.0)
    rows = []
    for how, k, blocks, product in (
        ("fp32", 1, Blocks(16, 128, 8), 40.0), ("fp32", 1, Blocks(16, 128, 8), 64.0),
        ("fp32", 1, Blocks(16, 128, 8), 96.0), ("fp32", 1, Blocks(32, 128, 8), 64.0),
        ("fp32", 4, Blocks(8, 64), 64.0), ("fp32", 4, Blocks(16, 64, 8), 64.0),
        ("fp16", 4, Blocks(8, 64), 32.0), ("fp16", 4, Blocks(8, 64), 64.0), ("fp16", 4, Blocks(8, 64), 96.0),
        ("fp16", 4, Blocks(16, 64, 8), 64.0), ("fp16", 4, Blocks(8, 128, 8), 64.0),
        ("fp16", 4, Blocks(16, 128, 8), 64.0), ("fp16", 1, Blocks(16, 128, 8), 64.0),
        ("bf16x3", 4, Blocks(8, 64), 64.0),
    ):  # fmt: skip
        task = replace(exact, precision=how)
        slabs = plan_slabs(slab_problem(task), 256.0, product)
        if slabs is None:
            continue
        splits = splits_for(task, k, slabs, multiprocessors(bench.device))
        with precision_scope("fp32" if how == "fp32" else "tf32"):
            seconds = bench.seconds(
                partial(fused_search, task, k, slabs, splits=splits, blocks=blocks),
                5,
            )
        size = f"{blocks.positions}x{blocks.references}, {blocks.warps} warps"
        label = f"{how}, K={k}, {size}, {product:.0f} MB, {splits} splits"
        rows.append(Row("blocks", label, shown(seconds), "info"))
    return rows


def whole_nets(bench: Bench) -> list[Row]:
    """Official-size nets with random weights against plain builds, the same weights in both."""
    sys.path.insert(0, str(bench.root / "tests" / "benchmarks"))
    plain = importlib.import_module("plain_nets")
    size = (80, 128) if bench.cuda else (16, 16)
    torch.manual_seed(0)
    lr = torch.rand(1, 3, *size)
    up, ref = pil_up(lr[0])[None], torch.rand(1, 3, 4 * size[0], 4 * size[1])
    lr, up, ref = (t.to(bench.device) for t in (lr, up, ref))
    rows = []
    nets: list[tuple[str, nn.Module, Any]] = [("c2_matching", C2Model(C2_RELEASED), plain.plain_c2_matching)]
    if bench.cuda:
        nets.append(("datsr", DatsrModel(DATSR_RELEASED), plain.plain_datsr))
    for name, model, build in nets:
        net: Any = _scaled(model).to(bench.device)
        parts = net.correspondences
        states = [m.state_dict() for m in (parts.extractor, parts.texture, net.restoration)]
        for precision in PRECISIONS if bench.cuda else PRECISIONS[:1]:
            with torch.inference_mode(), precision_scope(precision):
                own, other = partial(net, lr, up, ref), partial(build, *states, lr, up, ref)
                gap = (own() - other()).abs()
                # random weights make near-ties: single flipped matches are seen as such
                apart, far = float(gap.max()), float((gap > 1e-3).float().mean())
                ours, theirs, peak = bench.seconds(own, 3), bench.seconds(other, 3), bench.peak_mb(own)
            value = (
                f"plain {shown(theirs)}, here {shown(ours)}, {theirs / ours:.2f} times, SR within {apart:.1e}"
                f", {far:.2%} of it beyond 1e-3"
            )
            good = far <= NEAR_TIES or precision != "fp32"
            rows.append(
                Row(
                    "whole",
                    f"{name}, {precision}, LR {size[0]}x{size[1]}",
                    value,
                    "pass" if good else "fail",
                    peak,
                )
            )
            rows.append(_channels_last(bench, name, net, (lr, up, ref), precision, ours))
    return rows


def _channels_last(
    bench: Bench, name: str, net: Any, images: tuple[Tensor, ...], precision: str, contiguous: float
) -> Row:
    """The same net with its weights and images laid out channels last, and back again."""
    with torch.inference_mode(), precision_scope(precision):
        wanted = net(*images)
        net.to(memory_format=torch.channels_last)
        laid_out = [image.contiguous(memory_format=torch.channels_last) for image in images]
        try:
            far = float(((net(*laid_out) - wanted).abs() > 1e-3).float().mean())
            seconds = bench.seconds(partial(net, *laid_out), 3)
        finally:
            net.to(memory_format=torch.contiguous_format)
    value = f"{shown(seconds)}, {contiguous / seconds:.2f} times contiguous, {far:.2%} of SR beyond 1e-3"
    good = far <= NEAR_TIES or precision != "fp32"
    return Row("whole", f"{name}, {precision}, channels last", value, "pass" if good else "fail")


def precisions(bench: Bench) -> list[Row]:
    """Run precisions, and what they cost in quality, compact nets."""
    rows = []
    hr, inp = pictures(bench, 1)[0]
    for name in ("c2_matching", "datsr") if bench.cuda else ("c2_matching",):
        method = loaded(name, bench.device)
        exact = invoke(method, inp, Settings(device=str(bench.device)))
        for precision in ("fp32", "tf32", "bf16") if bench.cuda else ("bf16",):
            settings = Settings(device=str(bench.device), precision=precision)
            seconds = bench.seconds(lambda m=method, s=settings: invoke(m, inp, s), 3)  # type: ignore[misc]
            sr = invoke(method, inp, settings)
            error = float(torch.mean((sr - exact) ** 2))
            own, wanted = (
                -10 * float(torch.log10(torch.mean((t.cpu().clamp(0, 1) - hr) ** 2))) for t in (sr, exact)
            )
            value = (
                f"{shown(seconds)}, PSNR {own - wanted:+.4f} dB against fp32, mean squared change {error:.1e}"
            )
            rows.append(Row("precision", f"{name}, precision={precision}", value, "info"))
    return rows


def _scaled(model: nn.Module) -> nn.Module:
    """Weights that keep activations in range through 60 layers."""
    for parameter in model.parameters():
        if parameter.dim() > 1 and parameter.requires_grad:
            nn.init.normal_(parameter, std=0.8 / parameter[0].numel() ** 0.5)
    return model.eval()
