"""The full official-size nets against plain builds of the specification, alternated, equal threads.

Run with ``make bench`` (or ``pytest tests/benchmarks --benchmark-only``). Each test times both in CPU
seconds, checks that SR agrees to 1e-4, and stores the ratio and the share of the sgemm peak in
``extra_info``; nothing is asserted about time. ``REFBENCH_BENCH_ROUNDS`` and ``REFBENCH_BENCH_SCALE``
(a divisor of the image sides) shorten it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import plain_fusion as fusion
import plain_nets as plain
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn
from torch.nn import functional

from refbench.methods.c2_matching.config import RELEASED as C2_RELEASED
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.datsr.config import RELEASED as DATSR_RELEASED
from refbench.methods.datsr.model import DatsrModel
from refbench.methods.edvr.config import M
from refbench.methods.edvr.net import EdvrNet
from refbench.methods.mrefsr.config import RELEASED as MREFSR_RELEASED
from refbench.methods.mrefsr.model import MRefModel
from refbench.methods.ttsr.config import RELEASED as TTSR_RELEASED
from refbench.methods.ttsr.model import TtsrModel
from refbench.nets.framing import pil_up

ROUNDS = int(os.environ.get("REFBENCH_BENCH_ROUNDS", "5"))
SCALE = int(os.environ.get("REFBENCH_BENCH_SCALE", "1"))
DATSR_SIZE = (80, 128)
OTHER_SIZE = (83, 125)
"""LR sizes: HR 320x512 and 332x500."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


def scaled(model: nn.Module) -> Any:
    """Weights that keep activations in range through 60 layers."""
    for parameter in model.parameters():
        if parameter.dim() > 1 and parameter.requires_grad:
            nn.init.normal_(parameter, std=0.8 / parameter[0].numel() ** 0.5)
    return model.eval()


def pictures(size: tuple[int, int], multiple: int) -> tuple[Tensor, Tensor, Tensor]:
    """LR, its bicubic x4 and a reference of the same size as that, (1, 3, H, W) in [0, 1]."""
    height, width = (max(side // SCALE // multiple, 1) * multiple for side in size)

    def picture(rows: int, columns: int) -> Tensor:
        coarse = torch.rand(1, 3, rows // 8 + 2, columns // 8 + 2)
        smooth = functional.interpolate(coarse, size=(rows, columns), mode="bicubic")
        return (0.8 * smooth + 0.2 * torch.rand(1, 3, rows, columns)).clamp(0, 1)

    lr = picture(height, width)
    return lr, pil_up(lr[0])[None], picture(4 * height, 4 * width)


def sgemm_peak() -> float:
    """FLOP per CPU second of a large single-thread matrix product."""
    a = torch.rand(1536, 1536)
    a @ a
    spent = []
    for _ in range(3):
        start = time.process_time()
        a @ a
        spent.append(time.process_time() - start)
    return 2 * 1536**3 / min(spent)


def compared(
    benchmark: BenchmarkFixture, fast: Callable[[], Tensor], slow: Callable[[], Tensor], flops: int
) -> None:
    """Alternate both, median CPU seconds; the benchmark's own record is the fast one's last round."""
    with torch.inference_mode():
        difference = float((fast() - slow()).abs().max())
        spent: dict[str, list[float]] = {"fast": [], "plain": []}
        for _ in range(ROUNDS):
            for name, call in (("plain", slow), ("fast", fast)):
                start = time.process_time()
                call()
                spent[name].append(time.process_time() - start)
        median = {name: statistics.median(values) for name, values in spent.items()}
        benchmark.extra_info.update(
            {
                "fast_s": median["fast"],
                "plain_s": median["plain"],
                "ratio": median["plain"] / median["fast"],
                "share_of_sgemm_peak": flops / median["fast"] / sgemm_peak(),
                "max_difference": difference,
            }
        )
        benchmark.pedantic(fast, rounds=1, iterations=1)
    assert difference <= 1e-4


def counted(call: Callable[[], Tensor]) -> int:
    """FLOPs of convolutions and products (deformable sampling itself counts as none)."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        call()
    return int(counter.get_total_flops())


def test_datsr(benchmark: BenchmarkFixture) -> None:
    model = scaled(DatsrModel(DATSR_RELEASED))
    lr, up, reference = pictures(DATSR_SIZE, 8)
    parts = model.correspondences
    states = [m.state_dict() for m in (parts.extractor, parts.texture, model.restoration)]

    def fast() -> Tensor:
        out: Tensor = model(lr, up, reference)
        return out

    compared(benchmark, fast, lambda: plain.plain_datsr(*states, lr, up, reference), counted(fast))


def test_c2_matching(benchmark: BenchmarkFixture) -> None:
    model = scaled(C2Model(C2_RELEASED))
    lr, up, reference = pictures(OTHER_SIZE, 1)
    parts = model.correspondences
    states = [m.state_dict() for m in (parts.extractor, parts.texture, model.restoration)]

    def fast() -> Tensor:
        out: Tensor = model(lr, up, reference)
        return out

    compared(benchmark, fast, lambda: plain.plain_c2_matching(*states, lr, up, reference), counted(fast))


def test_ttsr(benchmark: BenchmarkFixture) -> None:
    model = scaled(TtsrModel(TTSR_RELEASED))
    lr, up, reference = (2 * image - 1 for image in pictures(OTHER_SIZE, 1))
    state = model.state_dict()

    def fast() -> Tensor:
        out: Tensor = model(lr, up, reference, reference)
        return out

    compared(
        benchmark, fast, lambda: plain.plain_ttsr_net(state, lr, up, reference, reference), counted(fast)
    )


@pytest.mark.parametrize("count", [1, 3])
def test_mrefsr(benchmark: BenchmarkFixture, count: int) -> None:
    model = scaled(MRefModel(MREFSR_RELEASED))
    lr, up, first = pictures(OTHER_SIZE, 1)
    references = [first, *(pictures(OTHER_SIZE, 1)[2] for _ in range(count - 1))]
    parts = model.correspondences
    states = [m.state_dict() for m in (parts.extractor, parts.texture, model.restoration)]

    def fast() -> Tensor:
        out: Tensor = model(lr, up, references)
        return out

    compared(benchmark, fast, lambda: fusion.plain_mrefsr(*states, lr, up, references), counted(fast))


def test_edvr(benchmark: BenchmarkFixture) -> None:
    model = scaled(EdvrNet(M))
    frames = torch.stack([pictures(DATSR_SIZE, 4)[0] for _ in range(5)], dim=1)
    state = model.state_dict()

    def fast() -> Tensor:
        out: Tensor = model(frames)
        return out

    compared(benchmark, fast, lambda: fusion.plain_edvr(state, frames), counted(fast))
