"""Do runs, tiles, workers, the profiler and training work on the card?"""

from __future__ import annotations

import time

import torch
from PIL import Image as PILImage

from gpu_parts.agreement import loaded, pictures
from gpu_parts.base import Bench, Row, Status, shown
from refbench.execution.call import Images, Settings, call
from refbench.profiling.images import texture
from refbench.profiling.timing import TOTAL, measure_times
from refbench.tensors import to_image

QUIET = ("tracking=none", "images=none", "--plain")


def main_job(bench: Bench) -> list[Row]:
    """The first command of the README: compact DATSR on the sample under colour jitter."""
    limit = [] if bench.cuda else ["limit=1"]
    words = [
        "run",
        "method=datsr",
        "suite=cufed5_jitter",
        f"device={bench.device.type}",
        f"out={bench.out}/job",
    ]
    code, said, seconds = bench.command(*words, *limit, *QUIET)
    return [Row("job", "run method=datsr suite=cufed5_jitter", _end(code, said, seconds), _status(code))]


def two_workers(bench: Bench) -> list[Row]:
    """Two processes on one device."""
    words = [
        "run",
        "method=c2_matching",
        "suite=cufed5",
        f"device={bench.device.type}",
        f"out={bench.out}/local",
    ]
    code, said, seconds = bench.command(*words, "limit=4", "executor=local", "executor.workers=2", *QUIET)
    return [Row("local", "executor=local with 2 workers", _end(code, said, seconds), _status(code))]


def tiles(bench: Bench) -> list[Row]:
    """A memory limit changes nothing but the cut; memory that runs out is followed by a call in tiles."""
    side = 256 if bench.cuda else 48
    lr, ref = (
        to_image(texture(3, s, s, torch.Generator().manual_seed(s)).mul(0.2).add(0.5).clamp(0, 1))
        for s in (side, 4 * side)
    )
    images = Images(lr, (ref,))
    method = loaded("c2_matching", bench.device)
    settings = Settings(device=str(bench.device), tiles=True)
    call(method, images, settings)
    held = torch.cuda.memory_allocated(bench.device) / 2**20 if bench.cuda else 0.0
    whole = call(method, images, settings)
    limit = round(0.5 * ((whole.peak_mb or 0) - held)) if bench.cuda else 40
    cut = call(method, images, Settings(device=str(bench.device), tiles=True, memory_limit=limit * 2**20))
    if whole.sr is None or cut.sr is None:
        problem = whole.problem or cut.problem
        return [Row("tiles", f"memory.limit={limit}MB", f"failed: {problem}", "fail")]
    apart = int(abs(whole.sr.astype(int) - cut.sr.astype(int)).max())
    windows = max(cut.tiles.values(), default=1)
    good = apart <= 1 and windows > 1 and not (bench.cuda and (cut.peak_mb or 0) - held > limit)
    value = f"at most {windows} windows of a pass, SR within {apart} of 255"
    if bench.cuda:
        value += f", whole {(whole.peak_mb or 0) - held:.0f} MB, cut {(cut.peak_mb or 0) - held:.0f} MB"
    rows = [Row("tiles", f"memory.limit={limit}MB", value, "pass" if good else "fail", cut.peak_mb)]
    if not bench.cuda:
        return [
            *rows,
            Row("tiles", "memory that runs out", "the allocator has a limit on a card", "needs a card"),
        ]
    total = torch.cuda.get_device_properties(bench.device).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(
        (held + 0.8 * ((whole.peak_mb or 0) - held)) * 2**20 / total, bench.device
    )
    try:
        again = call(method, images, settings)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, bench.device)
    good = again.sr is not None and again.fallback == "tiled"
    said = f"fallback {again.fallback}" if again.sr is not None else f"failed: {again.problem}"
    return [*rows, Row("tiles", "memory that runs out", said, "pass" if good else "fail", again.peak_mb)]


def profile(bench: Bench) -> list[Row]:
    """The profiler's time (events on a card) against the wall's; the command itself."""
    from refbench.execution.call import invoke

    method = loaded("c2_matching", bench.device)
    _, inp = pictures(bench, 1)[0]
    settings = Settings(device=str(bench.device))
    invoke(method, inp, settings)
    timing = measure_times([lambda: invoke(method, inp, settings)] * 3, bench.device)[TOTAL]
    start = time.perf_counter()
    invoke(method, inp, settings)
    bench.synchronise()
    wall = time.perf_counter() - start
    ratio = timing.wall.median / wall
    value = f"{shown(timing.wall.median)} measured, {shown(wall)} by the clock"
    rows = [Row("profile", "c2_matching, time of a call", value, "pass" if 0.4 < ratio < 1.6 else "info")]
    sizes = "sizes=160x160,320x320" if bench.cuda else "sizes=64x64,96x96"
    words = ["profile", "method=c2_matching", "method.weights=random:compact", sizes, "repeats=3"]
    code, said, seconds = bench.command(*words, f"device={bench.device.type}", f"out={bench.out}/profile")
    return [*rows, Row("profile", "refbench profile, two sizes", _end(code, said, seconds), _status(code))]


def training(bench: Bench) -> list[Row]:
    """Twenty steps of each stage on drawn textures; sample photos are refused, being evaluation data."""
    photos = bench.out / "photos"
    photos.mkdir()
    for seed in range(9):
        drawn = texture(3, 320, 320, torch.Generator().manual_seed(seed)).mul(0.2).add(0.5).clamp(0, 1)
        PILImage.fromarray(to_image(drawn)).save(photos / f"{seed}.png")
    steps = 20 if bench.cuda else 1
    words = [
        "train",
        "method=c2_matching",
        "preset=compact",
        f"train.data={photos}",
    ]
    code, said, seconds = bench.command(
        *words, f"train.max_steps={steps}", f"device={bench.device.type}", f"out={bench.out}/train",
        "tracking=none",
    )  # fmt: skip
    return [Row("training", f"{steps} steps of each stage", _end(code, said, seconds), _status(code))]


def _end(code: int, said: str, seconds: float) -> str:
    return f"{seconds:.1f} s" if code == 0 else f"exit code {code}: {said[:200]}"


def _status(code: int) -> Status:
    return "pass" if code == 0 else "fail"
