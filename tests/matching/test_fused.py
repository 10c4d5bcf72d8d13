"""The fused matcher against brute force and the plain path: on a card where there is one, otherwise the
very same kernel in Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from refbench.matching import candidates, exact, fused, fused_use, match
from refbench.matching.candidates import Scorer
from refbench.matching.exact import plain_search
from refbench.matching.features import prepare
from refbench.matching.flavours import FLAVOURS
from refbench.matching.fused import (
    Blocks,
    Launch,
    Slabs,
    fused_search,
    plan_slabs,
    slab_problem,
    triton_launch,
)
from refbench.matching.operands import PRECISIONS
from refbench.matching.plan import Problem
from refbench.matching.task import Task

pytest.importorskip("triton", reason="Triton comes with CUDA builds of torch")
if os.environ.get("TRITON_INTERPRET") != "1" and not torch.cuda.is_available():
    # Triton reads it when it is imported, and other tests of this process have imported it by then
    pytest.skip("run by test_fused_interpreted.py in a process of its own", allow_module_level=True)
DEVICE = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
# few large programs: the interpreter's time goes by their number
BLOCKS = Blocks(32, 64)


def task_of(
    query: torch.Tensor,
    reference: torch.Tensor,
    flavour: str = "c2",
    valid: torch.Tensor | None = None,
    patch: int = 3,
    precision: str = "fp32",
) -> Task:
    """The task that ``match`` makes."""
    style = FLAVOURS[flavour]
    given: dict[str, Any] = {
        "patch": patch,
        "stride": 1,
        "padding": patch // 2 if style.pads else 0,
        "per_pixel": style.per_pixel,
    }
    fq = prepare(query.to(DEVICE), name="query", **given)
    fr = prepare(reference.to(DEVICE), name="reference", **given)
    mask = None if valid is None else valid.to(DEVICE)
    return Task(fq, fr, style.inverse(fr.patch_norm), mask, patch, 1, 64.0, precision)


def brute_scores(task: Task) -> torch.Tensor:
    """float64 (query positions, reference positions), -inf where masked."""

    def patches(features: Any) -> torch.Tensor:
        whole = features.block(0, features.height, 0, features.width).double().cpu()
        return functional.unfold(whole[None], task.patch)[0]

    scores = patches(task.query).t() @ patches(task.reference) * task.inverse.cpu().reshape(-1)
    return scores if task.valid is None else scores.masked_fill(~task.valid.cpu().reshape(-1), -torch.inf)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    patch = draw(st.sampled_from([3, 3, 3, 1, 2]))
    side = st.integers(patch, 8)
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    channels = draw(st.integers(1, 5))
    query = torch.randn(channels, draw(side), draw(side), generator=rng)
    reference = torch.randn(channels, draw(side), draw(side), generator=rng)
    flavour = draw(st.sampled_from(["c2", "ttsr"]))
    task = task_of(query, reference, flavour, patch=patch)
    if draw(st.booleans()):
        valid = torch.rand(task.reference_grid, generator=rng) < 0.6
        task = replace(task, valid=valid.to(DEVICE))
    rows = max(patch - 1, draw(st.integers(1, 5)))
    slabs = Slabs(
        draw(st.integers(1, task.grid[1])), draw(st.integers(1, task.reference_grid[0])), max(rows, 1)
    )
    return {
        "task": task,
        "k": draw(st.sampled_from([1, 4])),
        "slabs": slabs,
        "splits": draw(st.integers(1, 3)),
    }


@settings(max_examples=100 if torch.cuda.is_available() else 10, deadline=None)
@given(cases())
def test_equals_brute_force_for_every_cut(case: dict[str, Any]) -> None:
    task, k = case["task"], case["k"]
    score, index = fused_search(task, k, case["slabs"], splits=case["splits"], blocks=BLOCKS)
    truth = brute_scores(task)
    valid = truth.shape[1] if task.valid is None else int(task.valid.sum())
    found = min(k, valid)
    got, place = score.reshape(k, -1).t().cpu().double(), index.reshape(k, -1).t().cpu()
    assert torch.all(place[:, found:] == -1)
    assert torch.all(got[:, found:] == -torch.inf)
    if not found:
        return
    best = truth.topk(found, dim=1).values
    own = truth.gather(1, place[:, :found])
    scale = 1e-5 * max(1.0, float(best.abs().max()))
    assert float((best - own).max()) <= scale
    assert float((own - got[:, :found]).abs().max()) <= scale
    assert all(len(set(row)) == found for row in place[:, :found].tolist())


@pytest.mark.parametrize(
    ("k", "slabs", "splits"),
    [(1, Slabs(7, 6, 7), 3), (4, Slabs(7, 6, 7), 1), (1, Slabs(4, 3, 3), 1), (4, Slabs(7, 2, 4), 2)],
)
def test_ties_go_to_the_lowest_index(k: int, slabs: Slabs, splits: int) -> None:
    """Features of -1, 0, 1 in one channel: most scores are shared by several positions, none is rounded."""
    rng = torch.Generator().manual_seed(3)
    query, reference = (torch.randint(-1, 2, (1, 9, 9), generator=rng).float() for _ in range(2))
    reference = reference[:, :8]
    task = task_of(query, reference, "ttsr")
    task = replace(task, inverse=torch.ones_like(task.inverse))
    truth = brute_scores(task)
    order = truth.sort(dim=1, descending=True, stable=True)
    assert float((order.values[:, 0] == order.values[:, 1]).double().mean()) > 0.2
    score, index = fused_search(task, k, slabs, splits=splits, blocks=BLOCKS)
    assert torch.equal(index.reshape(k, -1).t().cpu(), order.indices[:, :k])
    assert torch.equal(score.reshape(k, -1).t().cpu().double(), order.values[:, :k])


@pytest.mark.parametrize("flavour", ["c2", "ttsr"])
@pytest.mark.parametrize("k", [1, 4])
def test_agrees_with_the_plain_path(flavour: str, k: int) -> None:
    rng = torch.Generator().manual_seed(8)
    query, reference = torch.randn(6, 11, 13, generator=rng), torch.randn(6, 12, 10, generator=rng)
    task = task_of(query, reference, flavour)
    score, index = fused_search(task, k, Slabs(11, 12, 6), splits=2, blocks=BLOCKS)
    plain, plain_index = plain_search(task, k)
    assert torch.equal(index, plain_index)
    torch.testing.assert_close(score, plain, rtol=1e-6, atol=1e-6)


def test_the_kernels_own_block_sizes() -> None:
    """Those that a card runs; positions and references are not multiples of them."""
    rng = torch.Generator().manual_seed(9)
    query, reference = torch.randn(3, 8, 9, generator=rng), torch.randn(3, 9, 12, generator=rng)
    for k in (1, 3):
        task = task_of(query, reference)
        _, index = fused_search(task, k, Slabs(7, 7, 6), splits=2)
        assert torch.equal(index, plain_search(task, k)[1])


@pytest.mark.parametrize("precision", ["bf16", "tf32", "bf16x3", "fp16"])
def test_reduced_precision_is_reranked_to_the_exact_result(
    precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = torch.Generator().manual_seed(4)
    query, reference = torch.randn(16, 9, 9, generator=rng), torch.randn(16, 9, 9, generator=rng)
    wanted = match(query.to(DEVICE), reference.to(DEVICE), k=2)
    calls: list[tuple[str, int]] = []

    def through(task: Task, k: int, plain: object) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append((task.precision, k))
        return fused_search(task, k, Slabs(7, 7, 7), splits=1, blocks=BLOCKS)

    monkeypatch.setattr(exact, "try_fused", through)
    found = match(query.to(DEVICE), reference.to(DEVICE), k=2, precision=precision)
    assert calls == [(precision, 5)]
    assert torch.equal(found.index, wanted.index)
    torch.testing.assert_close(found.similarity, wanted.similarity, rtol=0, atol=1e-6)


@settings(max_examples=100 if torch.cuda.is_available() else 8, deadline=None)
@given(cases(), st.integers(0, 3), st.integers(0, 2**31))
def test_candidates_scored_in_one_launch_are_those_of_the_definition(
    case: dict[str, Any], more: int, seed: int
) -> None:
    """Repeats, masked places, -1, and places beyond the reference among the candidates."""
    task, k = case["task"], case["k"]
    rng = torch.Generator().manual_seed(seed)
    offered = torch.randint(-2, task.inverse.numel() + 2, (k + more, *task.grid), generator=rng)
    scorer = Scorer(task)
    score, kept = scorer._best_of(offered.to(DEVICE), k, scorer._launched)
    wanted, wanted_index = scorer._best_of(offered.to(DEVICE), k, scorer._gathered)
    assert torch.equal(kept < 0, wanted_index < 0)
    assert torch.equal(score == -torch.inf, kept < 0)
    scale = 1e-5 * max(1.0, float(torch.nan_to_num(wanted, neginf=0.0).abs().max()))
    torch.testing.assert_close(score, wanted, rtol=0, atol=scale)
    truth = brute_scores(task)
    places, got = kept.reshape(k, -1).t().cpu(), score.reshape(k, -1).t().cpu().double()
    own = truth.gather(1, places.clamp(min=0))
    assert float((own - got)[places >= 0].abs().amax() if (places >= 0).any() else 0.0) <= scale


def test_one_launch_keeps_ties_low_and_works_at_every_stride_and_patch() -> None:
    assert candidates.disagreement(DEVICE) is None
    rng = torch.Generator().manual_seed(6)
    for patch, stride, channels in ((3, 2, 5), (5, 3, 3), (1, 4, 130)):
        pair = [
            torch.randint(-2, 3, (channels, *size), generator=rng).float().to(DEVICE)
            for size in ((9, 11), (10, 9))
        ]
        query, reference = (
            prepare(x, name="x", patch=patch, stride=stride, padding=0, per_pixel=False) for x in pair
        )
        inverse = torch.full(reference.patch_norm.shape, 0.5, dtype=torch.float64, device=DEVICE)
        scorer = Scorer(Task(query, reference, inverse, None, patch, stride, 64.0))
        offered = torch.randint(0, inverse.numel(), (9, *scorer.task.grid), generator=rng).to(DEVICE)
        launched, gathered = (
            scorer._best_of(offered, 2, how) for how in (scorer._launched, scorer._gathered)
        )
        assert torch.equal(launched[0], gathered[0])
        assert torch.equal(launched[1], gathered[1])


def test_the_rerank_of_a_card_is_one_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``match`` does where the self-check of the scoring kernel agrees."""
    calls: list[tuple[int, ...]] = []

    def launched(self: Scorer, offered: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(offered.shape))
        return real(self, offered)

    real = Scorer._launched
    monkeypatch.setattr(Scorer, "_launched", launched)
    monkeypatch.setattr(candidates, "_launches", lambda device: True)
    rng = torch.Generator().manual_seed(4)
    query, reference = torch.randn(16, 9, 9, generator=rng), torch.randn(16, 9, 9, generator=rng)
    wanted = match(query.to(DEVICE), reference.to(DEVICE), k=2)
    found = match(query.to(DEVICE), reference.to(DEVICE), k=2, precision="bf16x3")
    assert calls == [(5, 49)]
    assert torch.equal(found.index, wanted.index)
    torch.testing.assert_close(found.similarity, wanted.similarity, rtol=0, atol=1e-6)


def test_a_scoring_kernel_that_disagrees_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "disagreement", lambda device: "3 of 9 candidates differ")
    candidates._refusal.cache_clear()
    with pytest.warns(UserWarning, match="scoring of candidates on cuda:7 takes the plain path.*3 of 9"):
        assert not candidates._launches(torch.device("cuda:7"))
    candidates._refusal.cache_clear()
    assert not candidates._launches(torch.device("cpu"))


@settings(max_examples=100 if torch.cuda.is_available() else 10, deadline=None)
@given(cases(), st.sampled_from(["bf16", "tf32", "bf16x3", "fp16"]))
def test_tall_operands_give_the_scores_of_the_rounded_features(case: dict[str, Any], precision: str) -> None:
    """Whole numbers, which every precision holds: scores are those of the definition to the last bit."""
    task, k = case["task"], case["k"]
    query, reference = (
        prepare((x.raw * 2).round(), name="x", patch=task.patch, stride=1, padding=x.padding, per_pixel=False)
        for x in (task.query, task.reference)
    )
    ones = torch.ones_like(task.inverse)
    task = replace(task, query=query, reference=reference, inverse=ones, precision=precision)
    assert slab_problem(task).tall == (precision != "bf16x3")
    score, index = fused_search(task, k, case["slabs"], splits=case["splits"], blocks=BLOCKS)
    order = brute_scores(task).sort(dim=1, descending=True, stable=True)
    found = min(k, order.values.shape[1])
    best, place = order.values[:, :found], order.indices[:, :found]
    got = score.reshape(k, -1).t()[:, :found].cpu().double()
    assert torch.equal(got, best)
    assert torch.equal(index.reshape(k, -1).t()[:, :found].cpu(), place.masked_fill(best == -torch.inf, -1))


def test_float16_gets_features_that_it_holds() -> None:
    """Unnormalised features beyond 65504, whose products would be infinite."""
    rng = torch.Generator().manual_seed(7)
    query, reference = (3e5 * torch.randn(8, 8, 9, generator=rng).to(DEVICE) for _ in range(2))
    wanted = match(query, reference, flavour="srntt", k=2)
    found = match(query, reference, flavour="srntt", k=2, precision="fp16")
    assert torch.equal(found.index, wanted.index)
    torch.testing.assert_close(found.similarity, wanted.similarity, rtol=1e-6, atol=1e-6)


def test_bf16x3_is_far_closer_than_bf16() -> None:
    rng = torch.Generator().manual_seed(5)
    query, reference = torch.randn(32, 8, 8, generator=rng), torch.randn(32, 8, 8, generator=rng)
    exact_score = plain_search(task_of(query, reference), 1)[0]
    error = {}
    for precision in ("bf16", "bf16x3"):
        task = task_of(query, reference, precision=precision)
        score, _ = fused_search(task, 1, Slabs(6, 6, 6), splits=1, blocks=BLOCKS)
        error[precision] = float((score - exact_score).abs().max())
    assert error["bf16x3"] < 2e-5
    assert error["bf16"] > 20 * error["bf16x3"]


def test_the_self_check_passes_and_finds_what_is_wrong() -> None:
    for precision in PRECISIONS:
        assert fused_use.disagreement(DEVICE, plain_search, blocks=BLOCKS, precision=precision) is None

    def last_of_ties(call: Launch) -> None:
        triton_launch(call)
        call.index[call.index >= 0] += 1

    def wrong_scores(call: Launch) -> None:
        triton_launch(call)
        call.value.mul_(1.001)

    said = fused_use.disagreement(DEVICE, plain_search, last_of_ties, BLOCKS)
    assert said is not None
    assert "indices of the self-check differ (K=1)" in said
    said = fused_use.disagreement(DEVICE, plain_search, wrong_scores, BLOCKS)
    assert said is not None
    assert "scores of the self-check differ by" in said


def test_a_refusal_is_said_once_and_the_plain_path_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to find C compiler")

    monkeypatch.setattr(fused_use, "disagreement", broken)
    fused_use.refusal.cache_clear()
    with pytest.warns(
        UserWarning, match="matching on cuda:7 takes the plain path.*Failed to find C compiler"
    ):
        assert fused_use.refusal(torch.device("cuda:7"), plain_search)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fused_use.refusal(torch.device("cuda:7"), plain_search)
    with pytest.warns(UserWarning, match="matching in fp16 on cuda:7 takes the plain path"):
        assert fused_use.refusal(torch.device("cuda:7"), plain_search, "fp16")
    monkeypatch.setattr(fused_use.importlib.util, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="Triton is not installed"):
        assert fused_use.refusal(torch.device("cuda:6"), plain_search)
    fused_use.refusal.cache_clear()


def test_a_cpu_never_takes_the_fused_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object, **__: object) -> None:
        raise AssertionError("the CPU has its own path")

    monkeypatch.setattr(fused_use, "fused_search", taken)
    match(torch.randn(3, 6, 6), torch.randn(3, 6, 6))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.integers(3, 600)] * 4),
    st.integers(1, 768),
    st.sampled_from([0.5, 8.0, 64.0, 256.0]),
    st.sampled_from([1, 2, 3, 5]),
    st.booleans(),
)
def test_a_plan_keeps_to_memory_and_cache(
    sides: tuple[int, ...], channels: int, memory_mb: float, patch: int, tall: bool
) -> None:
    height, width, high, broad = (max(side, patch) for side in sides)
    problem = Problem(channels, (height, width), (high, broad), patch, tall=tall)
    slabs = plan_slabs(problem, memory_mb)
    if slabs is None:
        # not even the smallest slab fits
        least = Slabs(1, 1, max(patch - 1, 1))
        assert least.bytes(problem) > 0.25 * memory_mb * 2**20
        return
    assert slabs.product_bytes(problem) <= fused.PRODUCT_MB * 2**20
    assert slabs.bytes(problem) <= memory_mb * 2**20
    assert slabs.rows >= problem.row_halo
    assert 1 <= slabs.band <= high - patch + 1
    assert 1 <= slabs.columns <= width - patch + 1


def test_a_cufed5_pair_needs_less_than_100_mb() -> None:
    problem = Problem(256, (125, 83), (125, 83), 3)
    slabs = plan_slabs(problem, 256.0)
    assert slabs is not None
    assert fused.fused_bytes(problem, 1, 16, slabs) < 100e6
    assert slabs.cost(problem) < 1.1


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from refbench.matching.fused import Blocks
from refbench.matching.fused_kernel import keep_best_kernel as kernel
names = kernel.arg_names
kinds = {"product": "*fp32", "weight": "*fp32", "value": "*fp32", "index": "*i32"}
for arch, k, rows in ((80, 1, 3), (90, 1, 3), (90, 4, 3), (90, 4, 1)):
    blocks = Blocks.of(k)
    fixed = {"K": k, "ROWS": rows, "COLUMNS": 3, "BLOCK_P": blocks.positions, "BLOCK_Q": blocks.references}
    signature = {n: "constexpr" if n in fixed else kinds.get(n, "i32") for n in names}
    constants = {(names.index(n),): v for n, v in fixed.items()}
    source = ASTSource(kernel, signature=signature, constexprs=constants)
    target, options = GPUTarget("cuda", arch, 32), {"num_warps": blocks.warps}
    built = triton.compile(source, target=target, options=options)
    print(arch, k, rows, len(built.asm["cubin"]) > 1000)
from refbench.matching.scoring_kernel import score_candidates_kernel as kernel
names = kernel.arg_names
kinds = {"query": "*fp32", "reference": "*fp32", "weight": "*fp32", "candidates": "*i64", "score": "*fp32"}
fixed = {"COUNT": 4, "PATCH": 3, "BLOCK_N": 4, "BLOCK_C": 128}
signature = {n: "constexpr" if n in fixed else kinds.get(n, "i32") for n in names}
source = ASTSource(kernel, signature=signature, constexprs={(names.index(n),): v for n, v in fixed.items()})
built = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 1})
print("scores", 4, len(built.asm["cubin"]) > 1000)
"""


@pytest.mark.slow
def test_compiles_for_cards_that_are_not_here() -> None:
    """Triton's compiler needs no card: what the interpreter accepts, the compiler may still refuse."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines()]
    kernels = [["80", "1", "3"], ["90", "1", "3"], ["90", "4", "3"], ["90", "4", "1"], ["scores", "4"]]
    assert rows == [[*kernel, "True"] for kernel in kernels]
