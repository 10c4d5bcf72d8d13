"""The streamed matcher against the official algorithm, alternated in one process, one thread.

Run with ``make bench`` (or ``pytest tests/benchmarks --benchmark-only``). Each test times both and
stores the ratio, the extra memory and the K = 4 cost in ``extra_info``; nothing is asserted about time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import plain_matching as plain
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.nn import functional

from refbench.matching import match, transfer
from refbench.matching.plan import Problem, plan

SIZES = [(40, 40, 256), (125, 83, 64), (125, 83, 256), (160, 160, 64)]
ROUNDS = 5


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def features(channels: int, height: int, width: int, seed: int) -> torch.Tensor:
    """Features as smooth as a network's (white noise would update the running best less often)."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, channels, height // 4 + 2, width // 4 + 2, generator=rng)
    smooth = functional.interpolate(coarse, size=(height, width), mode="bicubic")[0]
    return smooth + 0.3 * torch.randn(channels, height, width, generator=rng)


def alternated(*calls: Callable[[], object]) -> list[float]:
    """Median seconds of CPU time of each call; one after the other in every round, after a warm-up."""
    spent: list[list[float]] = [[] for _ in calls]
    for round_number in range(ROUNDS + 1):
        for call, seconds in zip(calls, spent, strict=True):
            start = time.process_time()
            call()
            if round_number:
                seconds.append(time.process_time() - start)
    return [statistics.median(seconds) for seconds in spent]


@pytest.mark.parametrize(("height", "width", "channels"), SIZES)
def test_match_against_the_official_algorithm(
    benchmark: BenchmarkFixture, height: int, width: int, channels: int
) -> None:
    query, reference = features(channels, height, width, 0), features(channels, height, width, 1)
    official, streamed, four = alternated(
        lambda: plain.plain_c2(query, reference),
        lambda: match(query, reference),
        lambda: match(query, reference, k=4),
    )
    benchmark.extra_info["official / streamed"] = round(official / streamed, 2)
    benchmark.extra_info["K=4 / K=1"] = round(four / streamed, 3)
    benchmark.extra_info["lower_is_better"] = ["K=4 / K=1"]
    problem = Problem(channels, (height, width), (height, width), 3)
    benchmark.extra_info["planned MB"] = round(plan(problem, 256).bytes(problem) / 2**20, 1)
    benchmark.extra_info["GEMM GFLOP/s of all time"] = round(
        2e-9 * channels * (height * width) ** 2 / streamed, 1
    )
    found = benchmark.pedantic(match, args=(query, reference), rounds=ROUNDS)
    index, similarity = plain.plain_c2(query, reference)
    assert float((found.index[0] == index).float().mean()) > 0.997
    assert float((similarity - found.similarity[0]).max()) < 1e-5


def test_a_large_map_in_bounded_memory(benchmark: BenchmarkFixture) -> None:
    """256 x 256 x 64: the official algorithm needs 5.5 GB here, so the streamed one runs alone."""
    query, reference = features(64, 256, 256, 0), features(64, 256, 256, 1)
    problem = Problem(64, (256, 256), (256, 256), 3)
    benchmark.extra_info["planned MB"] = round(plan(problem, 256).bytes(problem) / 2**20, 1)
    found = benchmark.pedantic(match, args=(query, reference), rounds=1)
    assert found.index.shape == (1, 254, 254)


def test_ttsr_search_against_the_full_product(benchmark: BenchmarkFixture) -> None:
    query, key = features(256, 83, 125, 0), features(256, 83, 125, 1)
    official, streamed = alternated(
        lambda: plain.plain_ttsr(query, key), lambda: match(query, key, flavour="ttsr")
    )
    benchmark.extra_info["official / streamed"] = round(official / streamed, 2)
    found = benchmark.pedantic(match, args=(query, key), kwargs={"flavour": "ttsr"}, rounds=ROUNDS)
    index, _ = plain.plain_ttsr(query, key)
    assert float((found.index[0] == index).float().mean()) > 0.997


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_transfer_against_unfold_and_fold(benchmark: BenchmarkFixture, scale: int) -> None:
    height, width, channels = 83, 125, 256 // scale
    value = torch.randn(1, channels, height * scale, width * scale)
    index = torch.randint(height * width, (1, height, width))
    official, gathered = alternated(
        lambda: plain.plain_transfer(value, index, scale=scale), lambda: transfer(value, index, scale=scale)
    )
    benchmark.extra_info["official / gathered"] = round(official / gathered, 2)
    out = benchmark.pedantic(transfer, args=(value, index), kwargs={"scale": scale}, rounds=ROUNDS)
    torch.testing.assert_close(out, plain.plain_transfer(value, index, scale=scale), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("approx", ["pca", "coarse", "patchmatch"])
def test_approximations_against_the_exact_search(benchmark: BenchmarkFixture, approx: str) -> None:
    query, reference = features(256, 125, 83, 0), features(256, 125, 83, 1)
    exact, approximate = alternated(
        lambda: match(query, reference),
        lambda: match(query, reference, approx=approx),  # type: ignore[arg-type]
    )
    benchmark.extra_info["exact / approximate"] = round(exact / approximate, 2)
    found = benchmark.pedantic(match, args=(query, reference), kwargs={"approx": approx}, rounds=1)
    benchmark.extra_info["recall"] = round(found.recall, 4)
    assert found.recall_sample > 0
