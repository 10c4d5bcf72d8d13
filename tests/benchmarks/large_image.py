"""A reference of 2048x1536 and an LR image of 512x384 through compact DATSR, CPU, within ``memory.limit``.

    python tests/benchmarks/large_image.py [LIMIT [DIVISOR]]

LIMIT as in ``memory.limit=`` (default 4GB); DIVISOR shrinks both images. Prints the windows of each pass, CPU
seconds of each stage, the process's peak resident set, and what the official algorithm would hold for the
same matching. One thread.
"""

from __future__ import annotations

import sys
import time

import torch

from refbench.execution.loader import load_method, resolve_weights
from refbench.execution.measure.memory import reset_peak, resident_mb
from refbench.execution.measure.recorder import StageRecorder
from refbench.methods.datsr.spec import SPEC
from refbench.profiling.images import image_pair
from refbench.profiling.official_need import official_need
from refbench.stages import recording
from refbench.tiling import bounded
from refbench.tiling.size import parse_size

SIZE = (1536, 2048)
"""(H, W) of SR and reference; LR is a quarter."""


def main(limit: str = "4GB", divisor: str = "1") -> None:
    torch.set_num_threads(1)
    device = torch.device("cpu")
    height, width = (side // int(divisor) // 4 * 4 for side in SIZE)
    method = load_method(SPEC, resolve_weights(SPEC, "compact", None), {}, "cpu")
    inp = image_pair((height, width), (height, width), 4, 0, device)
    reset_peak()
    before = resident_mb()
    start = time.process_time()
    recorder = StageRecorder(device)
    with torch.inference_mode(), recording(recorder), bounded(parse_size(limit, "LIMIT")) as budget:
        sr = method(inp)
    spent = time.process_time() - start
    # not getrusage's maximum: the kernel forgets it when the recorder starts a new peak
    peak = recorder.highest()
    assert budget is not None
    print(f"LR {width // 4}x{height // 4}, reference {width}x{height}, memory.limit={limit}")
    print("windows:", ", ".join(f"{name} {count}" for name, count in budget.tiles.items()))
    stages = {name: cost["cpu_seconds"] for name, cost in recorder.result().items()}
    print(f"CPU: {spent:.0f} s;", ", ".join(f"{name} {cpu:.0f} s" for name, cpu in stages.items()))
    print(f"SR {tuple(sr.shape)}, finite: {bool(sr.isfinite().all())}")
    assert before is not None
    assert peak is not None
    print(f"resident set: {before:.0f} MB before the call, {peak:.0f} MB at its peak")
    for name, channels in (("compact", 32), ("official size", 256)):
        need = official_need((height // 4, width // 4), (height // 4, width // 4), channels)
        print(f"official matching, {name} ({channels} channels): {need / 2**20:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
