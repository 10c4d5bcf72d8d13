"""Do the nets compute on the card what they compute on the CPU?"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gpu_parts.base import Bench, Row
from refbench.conformance.golden import check_golden
from refbench.execution.call import Settings, invoke
from refbench.execution.loader import load_method, resolve_weights
from refbench.imaging.resize import bicubic_down
from refbench.matching.observing import observing
from refbench.matching.result import Match
from refbench.registry import Registry
from refbench.tensors import to_tensor
from refbench.types import Input, Method

COMPACT = ("datsr", "c2_matching", "ttsr")
SR_TOLERANCE, METRIC_TOLERANCE, NEAR_TIE = 1e-4, 1e-3, 1e-5


def golden(bench: Bench) -> list[Row]:
    """Every golden vector, with the nets on the device; one of them on a CPU, where all take minutes."""
    folder = bench.root / "tests/data/golden"
    rows = []
    for arrays in sorted(folder.glob("*.sq.npz")):
        name = arrays.name.removesuffix(".sq.npz")
        method, k = name.removesuffix("_mul").removesuffix("_wotsa"), 2 if name.endswith("_mul") else None
        if not bench.cuda and method != "ttsr":
            continue
        try:
            report = check_golden(method, arrays, folder / f"{name}.keys.json", k, str(bench.device))
        except Exception as error:
            rows.append(Row("golden", name, f"{type(error).__name__}: {error}"[:300], "fail"))
            continue
        wrong = [r for r in report.results if r.status in ("fail", "missing")]
        said = f"{len(report.results)} arrays agree" if not wrong else f"{wrong[0].name}: {wrong[0].detail}"
        rows.append(Row("golden", name, said, "fail" if wrong else "pass"))
    return rows


def loaded(name: str, device: torch.device) -> Method:
    """A method with its default weights."""
    spec = Registry.discover().method(name)
    return load_method(spec, resolve_weights(spec, None, None), {}, str(device))


def pictures(bench: Bench, count: int) -> list[tuple[Tensor, Input]]:
    """(HR, Input) of sample images with their first references; cut to 160x160 on a CPU."""
    folder = bench.root / "datasets/sample/images"
    found = []
    for path in sorted(folder.glob("*_0.png"))[:count]:
        hr, ref = (
            np.array(Image.open(p).convert("RGB")) for p in (path, folder / path.name.replace("_0", "_1"))
        )
        if not bench.cuda:
            hr, ref = hr[:160, :160], ref[:160, :160]
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        found.append(
            (to_tensor(hr), Input(lr=to_tensor(bicubic_down(hr, 4)), refs=(to_tensor(ref),), scale=4))
        )
    return found


def psnr(sr: Tensor, hr: Tensor) -> float:
    """dB over RGB: to compare two devices, not to report."""
    return float(-10 * torch.log10(torch.mean((sr.clamp(0, 1) - hr) ** 2)))


def with_matches(method: Method, inp: Input, device: str) -> tuple[Tensor, list[Match]]:
    """SR and what the method's matchings found."""
    matches: list[Match] = []
    with observing(matches.append):
        sr = invoke(method, inp, Settings(device=device))
    return sr.cpu(), matches


def nets(bench: Bench) -> list[Row]:
    """Compact nets on the sample: the device against the CPU. On a CPU: against itself, twice."""
    rows = []
    for name in COMPACT:
        here, there = loaded(name, torch.device("cpu")), loaded(name, bench.device)
        largest, decibels, flipped, far, positions = 0.0, 0.0, 0, 0, 0
        for hr, inp in pictures(bench, 4 if bench.cuda else 1):
            wanted, matches = with_matches(here, inp, "cpu")
            sr, others = with_matches(there, inp, str(bench.device))
            same = True
            for one, other in zip(matches, others, strict=True):
                differ = one.index != other.index.cpu()
                gap = (one.similarity - other.similarity.cpu()).abs()
                flipped, far = flipped + int(differ.sum()), far + int((differ & (gap > NEAR_TIE)).sum())
                positions += differ.numel()
                same = same and not bool(differ.any())
            if same:
                largest = max(largest, float((wanted - sr).abs().max()))
            decibels = max(decibels, abs(psnr(wanted, hr) - psnr(sr, hr)))
        good = largest <= SR_TOLERANCE and decibels <= METRIC_TOLERANCE and not far
        rows.append(
            Row(
                "nets",
                f"{name}, sample, CPU against {bench.device.type}",
                f"SR within {largest:.1e} where all matches agree, PSNR within {decibels:.1e} dB, "
                f"{flipped} of {positions} matches flipped, {far} of them not near-ties",
                "pass" if good else "fail",
                bench.peak_mb(partial(invoke, there, inp, Settings(device=str(bench.device)))),
            )
        )
    return rows


def host_syncs(bench: Bench) -> list[Row]:
    """Waits of the host for the card inside a call whose images are on the card already."""
    if not bench.cuda:
        return [
            Row("syncs", "waits of the host inside a call", "torch counts them on a card", "needs a card")
        ]
    rows = []
    for name in COMPACT:
        method = loaded(name, bench.device)
        _, inp = pictures(bench, 1)[0]
        inp = Input(lr=inp.lr.to(bench.device), refs=(inp.refs[0].to(bench.device),), scale=4)
        settings = Settings(device=str(bench.device))
        invoke(method, inp, settings)
        bench.synchronise()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                invoke(method, inp, settings)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        places: dict[str, Any] = {}
        for one in caught:
            if "synchronizing" in str(one.message):
                key = f"{one.filename.rpartition('refbench/')[2]}:{one.lineno}"
                places[key] = places.get(key, 0) + 1
        said = ", ".join(f"{count} at {place}" for place, count in places.items()) or "none"
        rows.append(Row("syncs", f"{name}: waits of the host inside a call", said, "info"))
    return rows
