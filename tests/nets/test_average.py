"""multi=average: the single-reference outputs, weighed by how much each match can be trusted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from refbench.matching import match
from refbench.matching.observing import observed, observing
from refbench.matching.result import Match
from refbench.nets.average import SHARPNESS, averaged, confidence
from refbench.types import Input


def coherent(similarity: float, centre: int, size: tuple[int, int] = (6, 8)) -> Match:
    """Every position matched to its own place."""
    index = torch.arange(size[0] * size[1]).view(1, 1, *size)
    return Match(index, torch.full((1, 1, *size), similarity), size, size, centre=centre)


def scattered(similarity: float, size: tuple[int, int] = (6, 8)) -> Match:
    rng = torch.Generator().manual_seed(0)
    index = torch.randint(0, 10_000, (1, 1, *size), generator=rng)
    return Match(index, torch.full((1, 1, *size), similarity), size, (100, 100), centre=0)


@pytest.mark.parametrize("centre", [0, 1])
def test_confidence_is_similarity_times_coherence(centre: int) -> None:
    found = confidence(coherent(0.8, centre))
    assert found.shape == (6 + 2 * centre, 8 + 2 * centre)
    assert torch.allclose(found, torch.full_like(found, 0.8), atol=1e-6)
    assert float(confidence(scattered(0.8)).mean()) < 0.1


def once_with(table: dict[float, tuple[Match, float]]) -> Callable[[Input], Tensor]:
    """A net that answers a flat reference with a flat image, by the table of its level."""

    def once(inp: Input) -> Tensor:
        (reference,) = inp.refs
        found, answer = table[round(float(reference.mean()), 2)]
        observed(found)
        return torch.full((3, 4 * inp.lr.shape[1], 4 * inp.lr.shape[2]), answer)

    return once


def given(*levels: float) -> Input:
    return Input(torch.zeros(3, 6, 8), tuple(torch.full((3, 24, 32), level) for level in levels))


def test_weights_are_the_softmax_of_confidences() -> None:
    table = {0.25: (coherent(0.9, 0), 1.0), 0.5: (coherent(0.7, 0), 0.0)}
    out = averaged(given(0.25, 0.5), once_with(table))
    wanted = torch.softmax(torch.tensor([0.9, 0.7]) * SHARPNESS, 0)[0]
    assert torch.allclose(out, torch.full((3, 24, 32), float(wanted)), atol=1e-6)


def test_a_look_alike_hardly_counts() -> None:
    table = {0.25: (coherent(0.6, 0), 1.0), 0.5: (scattered(0.99), 0.0)}
    assert float(averaged(given(0.25, 0.5), once_with(table)).min()) > 0.9


def test_order_and_repeats_change_nothing() -> None:
    table = {0.25: (coherent(0.9, 0), 1.0), 0.5: (coherent(0.7, 0), 0.0), 0.75: (scattered(0.5), 0.5)}
    once = once_with(table)
    first = averaged(given(0.25, 0.5, 0.75), once)
    torch.testing.assert_close(averaged(given(0.75, 0.25, 0.5), once), first, rtol=0, atol=1e-6)
    same = averaged(given(0.25, 0.25, 0.25), once)
    torch.testing.assert_close(same, torch.ones_like(same), rtol=0, atol=1e-6)


def test_a_padded_lr_and_the_coarsest_match() -> None:
    """Nets pad LR at the bottom and right, and may match finer levels as well."""
    fine = coherent(0.1, 0, (12, 16))

    def once(inp: Input) -> Tensor:
        level = float(inp.refs[0].mean())
        observed(fine)
        observed(coherent(0.9 if level < 0.4 else 0.2, 1, (6, 6)))
        return torch.full((3, 24, 28), level)

    inp = Input(torch.zeros(3, 6, 7), (torch.full((3, 24, 24), 0.25), torch.full((3, 24, 24), 0.5)))
    weight = torch.softmax(torch.tensor([0.9, 0.2]) * SHARPNESS, 0)
    wanted = float(weight @ torch.tensor([0.25, 0.5]))
    assert torch.allclose(averaged(inp, once), torch.full((3, 24, 28), wanted), atol=1e-6)


def test_whoever_listens_outside_still_hears() -> None:
    table = {0.25: (coherent(0.9, 0), 1.0), 0.5: (coherent(0.7, 0), 0.0)}
    outside: list[Match] = []
    with observing(outside.append):
        averaged(given(0.25, 0.5), once_with(table))
        match(torch.rand(2, 5, 5), torch.rand(2, 5, 5))
    assert len(outside) == 3
