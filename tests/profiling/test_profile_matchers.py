"""Matchers side by side: the plain ones against brute force, and how exactness is measured."""

from __future__ import annotations

import pytest
import torch

from refbench.errors import UserError
from refbench.matching import match
from refbench.profiling.cells import FUSED, MATCHERS, Conditions, MatcherCell, Order
from refbench.profiling.child import carry_out
from refbench.profiling.exactness import measure_exactness
from refbench.profiling.images import feature_pair, image_pair
from refbench.profiling.matchers import matcher_named
from refbench.profiling.plain_matchers import full_product, official

CPU = torch.device("cpu")
FEATURES = (12, 14, 8)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("algorithm", [official, full_product])
def test_plain_matchers_agree_with_the_exact_search(
    algorithm: object, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # several chunks also on a small map
    monkeypatch.setattr("refbench.profiling.plain_matchers.CHUNK_BUDGET", 12 * 14 * 17)
    query, reference = feature_pair(FEATURES, 0, CPU)
    index, similarity = algorithm(query, reference, k)  # type: ignore[operator]
    exact = match(query, reference, k=k)
    assert index.shape == similarity.shape == (k, 10, 12)
    assert torch.equal(index, exact.index)
    torch.testing.assert_close(similarity, exact.similarity, rtol=0, atol=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_the_exact_search_is_exact(k: int) -> None:
    query, reference = feature_pair(FEATURES, 1, CPU)
    found = match(query, reference, k=k)
    measured = measure_exactness(query, reference, found.index, found.similarity)
    assert (measured.reached, measured.index_equal, measured.positions) == (1.0, 1.0, 120)
    assert measured.loss_max <= 1e-6
    assert measured.error_max <= 1e-6


def test_a_wrong_match_is_found_out() -> None:
    query, reference = feature_pair(FEATURES, 1, CPU)
    found = match(query, reference)
    index = found.index.clone()
    index[0, 0, :6] = (index[0, 0, :6] + 31) % 120
    measured = measure_exactness(query, reference, index, found.similarity)
    assert measured.reached == pytest.approx(114 / 120)
    assert measured.index_equal == pytest.approx(114 / 120)
    assert measured.loss_max > 0.01
    assert measured.error_max > 0.01


def test_a_fused_matcher_that_is_refused_is_not_measured_as_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``match`` itself would take the plain path, whose time would then stand under the fused one's name."""
    monkeypatch.setattr("refbench.profiling.matchers.refusal", lambda *_: "Triton is not installed")
    with pytest.raises(UserError, match="the fused matcher does not run here: Triton is not installed"):
        matcher_named("fused")(*feature_pair(FEATURES, 1, CPU), 1)


def test_every_name_is_a_matcher() -> None:
    assert all(callable(matcher_named(name)) for name in MATCHERS)


@pytest.mark.parametrize("matcher", [name for name in MATCHERS if name not in FUSED])
def test_a_cell(matcher: str) -> None:
    found = carry_out(Order.of(Conditions(repeats=2, warmup=0), MatcherCell(matcher, (16, 20, 8), 2)))
    assert found["error"] == ""
    assert found["wall_s"]["n"] == 2
    # patchmatch makes no product at all: it scores its candidates one by one
    assert (found["flops"] > 0) == (matcher != "patchmatch" or found["recall_sample"] > 0)
    approximate = matcher in ("pca", "coarse", "patchmatch")
    assert (found["recall"] is not None) == approximate
    assert (found["recall_sample"] > 0) == approximate
    if not approximate:
        assert found["exactness"]["reached"] == 1.0


def test_work_of_the_full_product() -> None:
    cell = MatcherCell("bmm", (8, 9, 4), 1)
    found = carry_out(Order.of(Conditions(repeats=1, warmup=0), cell))
    assert found["flops"] == 2 * (6 * 7) ** 2 * (4 * 9)


def test_synthetic_inputs() -> None:
    first, second = (image_pair((32, 48), (40, 24), 4, seed, CPU) for seed in (0, 1))
    assert (first.lr.shape, first.refs[0].shape) == ((3, 8, 12), (3, 40, 24))
    assert not torch.equal(first.refs[0], second.refs[0])
    assert torch.equal(first.lr, image_pair((32, 48), (40, 24), 4, 0, CPU).lr)
    values = first.refs[0] * 255
    torch.testing.assert_close(values, values.round(), rtol=0, atol=1e-4)
    query, reference = feature_pair((15, 21, 16), 0, CPU)
    found = match(query, reference, k=1)
    y, x = found.index[0] // 19 - torch.arange(13)[:, None], found.index[0] % 19 - torch.arange(19)
    # displaced by 15 // 5 and 21 // 7, but for the strip that went round
    assert float(((y == 3) & (x == 3)).float().mean()) > 0.5
