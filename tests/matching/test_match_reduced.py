"""Reduced precision is exact by test; approximations report a recall that is true."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from refbench.matching import match
from refbench.matching.operands import operand


def smooth_pair(channels: int = 32, size: int = 36) -> tuple[torch.Tensor, torch.Tensor]:
    """Two maps with the spatial smoothness of image features; the reference is the query moved by (2, 3)."""
    rng = torch.Generator().manual_seed(11)
    coarse = torch.randn(1, channels, size // 4 + 4, size // 4 + 4, generator=rng)
    whole = functional.interpolate(coarse, size=(size + 8, size + 8), mode="bicubic")[0]
    whole = whole + 0.3 * torch.randn(whole.shape, generator=rng)
    noise = 0.05 * torch.randn(channels, size, size, generator=rng)
    return whole[:, :size, :size] + noise, whole[:, 2 : size + 2, 3 : size + 3]


def test_rounding_drops_the_bits_that_tensor_cores_drop() -> None:
    one = torch.tensor([1.0, 1 + 2**-10, 1 + 2**-11, 1 + 2**-12, -3.0 - 2**-9])
    # 10 mantissa bits: 2**-10 survives, 2**-11 is half a step and rounds away from zero
    assert torch.equal(
        operand(one, "tf32", "query"), torch.tensor([1.0, 1 + 2**-10, 1 + 2**-10, 1.0, -3.0 - 2**-9])
    )
    assert torch.equal(operand(torch.tensor([1 + 2**-9]), "bf16", "query"), torch.tensor([1.0]))
    assert torch.equal(operand(torch.tensor([1 + 2**-11]), "fp16", "query"), torch.tensor([1.0]))
    assert operand(one, "fp32", "query") is one


@pytest.mark.parametrize("precision", ["tf32", "bf16", "bf16x3", "fp16"])
@pytest.mark.parametrize("flavour", ["c2", "ttsr"])
@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (2, 2)])
def test_the_rerank_restores_exactness(precision: str, flavour: str, k: int, stride: int) -> None:
    query, reference = smooth_pair()
    options = {"k": k, "flavour": flavour, "stride": stride}
    exact = match(query, reference, **options)  # type: ignore[arg-type]
    found = match(query, reference, precision=precision, **options)  # type: ignore[arg-type]
    assert float((exact.similarity[0] - found.similarity[0]).max()) <= 1e-6
    assert float((exact.index == found.index).float().mean()) >= 0.999


def test_the_reduced_search_is_reduced() -> None:
    """Without the re-rank bfloat16 similarities would be off: the path under test is really taken."""
    query, reference = smooth_pair()
    scale = query.norm(dim=0, keepdim=True)
    plain = match(operand(query / scale, "bf16", "query"), reference, flavour="ttsr").similarity
    exact = match(query, reference, flavour="ttsr").similarity
    assert float((plain - exact).abs().max()) > 1e-5


def test_masks_hold_in_reduced_precision() -> None:
    query, reference = smooth_pair()
    valid = torch.zeros(34, 34, dtype=torch.bool)
    valid[4:9, 7:11] = True
    exact = match(query, reference, k=4, reference_valid=valid)
    found = match(query, reference, k=4, reference_valid=valid, precision="bf16")
    assert torch.all(valid.flatten()[found.index])
    assert float((exact.index == found.index).float().mean()) >= 0.999


@pytest.mark.parametrize("approx", ["pca", "coarse", "patchmatch"])
@pytest.mark.parametrize("flavour", ["c2", "ttsr"])
def test_an_approximation_tells_its_recall(approx: str, flavour: str) -> None:
    query, reference = smooth_pair()
    exact = match(query, reference, k=2, flavour=flavour)  # type: ignore[arg-type]
    found = match(query, reference, k=2, flavour=flavour, approx=approx)  # type: ignore[arg-type]
    assert found.approximation == approx
    assert (exact.approximation, exact.recall, exact.recall_sample) == ("exact", 1.0, 0)
    assert found.index.shape == exact.index.shape
    rows = found.grid[0]
    picked = [int((i + 0.5) * rows / 4) for i in range(4)]
    hit = (exact.similarity[0] - found.similarity[0] <= 1e-6)[picked]
    assert found.recall_sample == hit.numel() == 4 * found.grid[1]
    assert found.recall == pytest.approx(float(hit.float().mean()), abs=1.5 / hit.numel())
    assert 0.3 < found.recall <= 1.0
    # what it names is scored exactly, in order, and never twice
    assert torch.all(found.similarity <= exact.similarity + 1e-6)
    assert torch.all(found.similarity[0] >= found.similarity[1])
    assert torch.all(found.index[0] != found.index[1])


def test_a_hopeless_approximation_says_so() -> None:
    """White noise has no coarse structure: half resolution finds little, and the recall shows it."""
    rng = torch.Generator().manual_seed(2)
    query, reference = torch.randn(8, 40, 40, generator=rng), torch.randn(8, 40, 40, generator=rng)
    found = match(query, reference, approx="coarse")
    exact = match(query, reference)
    truth = float((exact.similarity - found.similarity <= 1e-6).float().mean())
    assert found.recall < 0.3
    assert abs(found.recall - truth) < 0.15


def test_an_approximation_is_repeatable_and_batched_recall_is_over_all() -> None:
    query, reference = smooth_pair()
    one = match(query, reference, approx="patchmatch")
    both = match(torch.stack([query, query]), torch.stack([reference, reference]), approx="patchmatch")
    assert torch.equal(both.index[1], one.index)
    assert both.recall_sample == 2 * one.recall_sample
    assert both.recall == pytest.approx(one.recall)


def test_where_an_approximation_does_not_apply_it_says_so() -> None:
    query, reference = smooth_pair(8, 12)
    with pytest.raises(ValueError, match="approx 'faiss' is unknown; known: pca, coarse, patchmatch"):
        match(query, reference, approx="faiss")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs stride 1 and no reference_valid"):
        match(query, reference, approx="coarse", stride=2)
    with pytest.raises(ValueError, match="reference grid of 5x5 or more"):
        match(query, reference[:, :6], approx="coarse")
    with pytest.raises(ValueError, match="precision 'fp8' is unknown"):
        match(query, reference, precision="fp8")  # type: ignore[arg-type]


def test_sizes_may_differ_in_approximations() -> None:
    query, _ = smooth_pair(16, 20)
    _, reference = smooth_pair(16, 31)
    for approx in ("pca", "coarse", "patchmatch"):
        found = match(query, reference, k=3, approx=approx)  # type: ignore[arg-type]
        assert found.reference_grid == (29, 29)
        assert int(found.index.min()) >= 0
        assert int(found.index.max()) < 29 * 29
        assert np.isfinite(found.similarity.numpy()).all()


def test_autocast_does_not_reach_the_search() -> None:
    query, reference = smooth_pair(16, 20)
    for stride in (1, 2):
        plain = match(query, reference, stride=stride)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            cast = match(query, reference, stride=stride)
        assert torch.equal(plain.index, cast.index)
        assert torch.equal(plain.similarity, cast.similarity)
