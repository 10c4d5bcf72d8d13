"""The streamed matcher against brute force in float64 numpy, over shapes, flavours, K, masks and tilings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.matching import Match, exact, match
from refbench.matching.plan import Problem, Tiles, plan

Array = npt.NDArray[Any]


def _patches(f: Array, patch: int, stride: int, padding: int) -> tuple[Array, tuple[int, int]]:
    f = np.pad(f, ((0, 0), (padding, padding), (padding, padding)))
    views = np.lib.stride_tricks.sliding_window_view(f, (patch, patch), axis=(1, 2))[:, ::stride, ::stride]
    height, width = views.shape[1:3]
    return views.transpose(1, 2, 0, 3, 4).reshape(height * width, -1), (height, width)


def brute_similarity(
    query: Array,
    reference: Array,
    *,
    flavour: str,
    patch: int = 3,
    stride: int = 1,
    padding: int | None = None,
) -> tuple[Array, tuple[int, int]]:
    """All similarities (n_query, n_reference) in float64, and the query's patch grid."""
    q, r = query.astype(np.float64), reference.astype(np.float64)
    pad = (0 if flavour == "c2" else patch // 2) if padding is None else padding
    if flavour == "c2":
        q = q / np.maximum(np.linalg.norm(q, axis=0, keepdims=True), 1e-12)
        r = r / np.maximum(np.linalg.norm(r, axis=0, keepdims=True), 1e-12)
    a, grid = _patches(q, patch, stride, pad)
    b, _ = _patches(r, patch, stride, pad)
    norm_a, norm_b = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)[None]
    if flavour == "c2":
        return (a @ b.T) / (norm_a + 1e-5) / (norm_b + 1e-5), grid
    return (a @ b.T) / np.maximum(norm_a, 1e-12) / np.maximum(norm_b, 1e-12), grid


def assert_exact(found: Match, similarity: Array, k: int, valid: Array | None = None) -> None:
    """Every rank loses at most 1e-6, reports its own similarity, and no reference is named twice."""
    if valid is not None:
        similarity = np.where(valid.reshape(1, -1), similarity, -np.inf)
    best = -np.sort(-similarity, axis=1)[:, :k]
    index = found.index.numpy().reshape(k, -1).T
    got = np.take_along_axis(similarity, index, axis=1)
    assert np.all(best - got <= 1e-6)
    np.testing.assert_allclose(found.similarity.numpy().reshape(k, -1).T, got, atol=1e-6)
    assert all(len(set(row)) == k for row in index.tolist())
    clear = np.ones(len(best), dtype=bool)
    order = -np.sort(-similarity, axis=1)[:, : k + 1]
    for rank in range(order.shape[1] - 1):
        clear &= order[:, rank] - order[:, rank + 1] > 1e-6
    assert np.array_equal(index[clear], np.argsort(-similarity, axis=1, kind="stable")[:, :k][clear])


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    patch = draw(st.sampled_from([1, 2, 3, 3, 3, 4]))
    side = st.integers(patch, 13)
    flavour = draw(st.sampled_from(["c2", "ttsr"]))
    padding = draw(st.sampled_from([None, 0, 1, 2]))
    stride = draw(st.sampled_from([1, 1, 1, 2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = draw(st.integers(1, 9))
    query = rng.standard_normal((channels, draw(side), draw(side))).astype(np.float32)
    reference = rng.standard_normal((channels, draw(side), draw(side))).astype(np.float32)
    if draw(st.booleans()):
        # empty pixels: zero norms, so the shortcut for equal patch norms must not be taken
        reference[:, rng.random(reference.shape[1:]) < 0.3] = 0
    return {
        "query": query,
        "reference": reference,
        "rng": rng,
        "options": {"flavour": flavour, "padding": padding, "stride": stride, "patch": patch},
        "k": draw(st.integers(1, 5)),
        "masked": draw(st.booleans()),
    }


def _check(problem: dict[str, Any], **extra: Any) -> None:
    query, reference, options = problem["query"], problem["reference"], problem["options"]
    similarity, _ = brute_similarity(query, reference, **options)
    count = similarity.shape[1]
    valid = None
    if problem["masked"]:
        pad = options["padding"]
        if pad is None:
            pad = 0 if options["flavour"] == "c2" else options["patch"] // 2
        rows = (reference.shape[1] + 2 * pad - options["patch"]) // options["stride"] + 1
        valid = problem["rng"].random((rows, count // rows)) < 0.6
        valid.flat[0] = True
        extra |= {"reference_valid": torch.from_numpy(valid), "valid_over": "patches"}
    k = min(problem["k"], count if valid is None else int(valid.sum()))
    found = match(torch.from_numpy(query), torch.from_numpy(reference), k=k, **options, **extra)
    assert_exact(found, similarity, k, valid)


@settings(max_examples=80, deadline=None)
@given(problems())
def test_equals_float64_brute_force(problem: dict[str, Any]) -> None:
    _check(problem)


@settings(max_examples=60, deadline=None)
@given(
    problems(),
    st.tuples(*[st.integers(1, 6)] * 6),
    st.booleans(),
)
def test_every_tiling_and_both_reductions_are_exact(
    problem: dict[str, Any], sizes: tuple[int, ...], sparse: bool
) -> None:
    """Tiles of every shape, and the reduction that CUDA uses (``sparse=False``), run on the CPU."""

    def tiling(problem: Problem, memory_mb: float, **_: object) -> Tiles:
        height, width = (n - problem.halo for n in problem.query)
        band = min(sizes[2], problem.reference[0] - problem.halo)
        gemm_rows = min(max(sizes[3], problem.halo, 1), height + problem.halo)
        return Tiles(
            min(sizes[0], height), min(sizes[1], width), band, gemm_rows, min(sizes[4], band), sizes[5]
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "plan", tiling)
        patch.setattr(exact, "reads_back", lambda device: sparse)
        _check(problem)


@pytest.mark.parametrize("flavour", ["c2", "ttsr"])
@pytest.mark.parametrize("k", [1, 4])
def test_memory_does_not_change_the_result(flavour: str, k: int) -> None:
    rng = torch.Generator().manual_seed(5)
    query, reference = torch.randn(8, 30, 41, generator=rng), torch.randn(8, 37, 29, generator=rng)
    wide = match(query, reference, k=k, flavour=flavour, memory_mb=64)  # type: ignore[arg-type]
    for memory_mb in (1.0, 0.3, 0.1):
        narrow = match(query, reference, k=k, flavour=flavour, memory_mb=memory_mb)  # type: ignore[arg-type]
        assert torch.equal(narrow.index, wide.index)
        torch.testing.assert_close(narrow.similarity, wide.similarity, rtol=0, atol=5e-7)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 400), st.integers(3, 400), st.integers(3, 400), st.integers(1, 512), st.integers(1, 8))
def test_the_plan_keeps_its_budget(h: int, w: int, wr: int, channels: int, k: int) -> None:
    problem = Problem(channels, (h, w), (h, wr), 3)
    budget = 24.0
    smallest = Tiles(1, 1, 1, problem.halo, 1, 1)
    if smallest.bytes(problem) > budget * 2**20:
        with pytest.raises(ValueError, match="is too little"):
            plan(problem, budget, k=k)
        return
    tiles = plan(problem, budget, k=k)
    assert tiles.bytes(problem) <= budget * 2**20
    assert tiles.chunk <= tiles.band
    assert tiles.gemm_rows >= problem.halo
    assert replace(tiles, chunk=1).bytes(problem) <= tiles.bytes(problem)


@pytest.mark.parametrize("stride", [1, 2])
def test_too_little_memory_is_a_clear_error(stride: int) -> None:
    features = torch.ones(64, 40, 40)
    with pytest.raises(
        ValueError, match=r"memory_mb=0.001 is too little: this match needs [\d.]+ MB or more"
    ):
        match(features, features, memory_mb=0.001, stride=stride)


def test_batched_equals_unbatched() -> None:
    rng = torch.Generator().manual_seed(1)
    query, reference = torch.randn(3, 6, 11, 14, generator=rng), torch.randn(3, 6, 9, 12, generator=rng)
    valid = torch.rand(3, 9, 12, generator=rng) < 0.95
    both = match(query, reference, k=2, reference_valid=valid)
    assert both.index.shape == both.similarity.shape == (3, 2, 9, 12)
    assert (both.grid, both.reference_grid) == ((9, 12), (7, 10))
    for b in range(3):
        one = match(query[b], reference[b], k=2, reference_valid=valid[b])
        assert torch.equal(one.index, both.index[b])
        assert torch.equal(one.similarity, both.similarity[b])


def test_autograd_is_left_out() -> None:
    features = torch.randn(4, 8, 8, requires_grad=True)
    found = match(features, features)
    assert not found.similarity.requires_grad
