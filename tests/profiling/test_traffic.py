"""Bytes moved, against what the shapes say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from refbench.profiling.traffic import TrafficMode

A = torch.ones(100)
TABLE = torch.ones(1000, 4)


def moved(call: Callable[[], object]) -> tuple[int, int]:
    """(bytes of the operators, least bytes) of a stage that does ``call`` and keeps its result."""
    mode = TrafficMode()
    with torch.inference_mode(), mode:
        mode.open()
        kept = call()
        least = mode.close()
    del kept
    return mode.operators, least


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: A + A, (3 * 400, 2 * 400)),
        (lambda: A.view(10, 10).t(), (0, 0)),
        (lambda: A.view(10, 10).t().contiguous(), (800, 800)),
        (lambda: A.view(10, 10).contiguous(), (0, 0)),
        # one value, read a hundred times from a register
        (lambda: A[:1].expand(100).clone(), (4 + 400, 4 + 400)),
        (lambda: torch.empty(100), (0, 400)),
        (lambda: torch.zeros(100), (400, 400)),
        (lambda: TABLE.index_select(0, torch.zeros(3, dtype=torch.int64)), (24 + 24 + 48 + 48, 48 + 48)),
        (lambda: TABLE[10:20].sum(), (160 + 4, 160 + 4)),
    ],
    ids=["add", "view", "transposed copy", "no copy", "expanded", "empty", "zeros", "gather", "part"],
)
def test_operators_and_least(call: Callable[[], object], expected: tuple[int, int]) -> None:
    assert moved(call) == expected


def test_what_a_stage_makes_and_drops_is_no_least_traffic() -> None:
    operators, least = moved(lambda: float(((A + A) * 3.0).sum()))
    assert operators > 4 * 400
    assert least == 400


def test_out_and_in_place() -> None:
    out = torch.zeros(100)
    assert moved(lambda: torch.add(A, A, out=out)) == (1200, 800)
    assert moved(lambda: out.add_(A)) == (1200, 1200)
    assert moved(lambda: out.copy_(A)) == (800, 800)


def test_an_input_counts_once_however_often_it_is_read() -> None:
    assert moved(lambda: [A + 1, A + 2])[1] == 3 * 400


def test_scopes_are_nested() -> None:
    mode = TrafficMode()
    with mode:
        mode.open()
        made = A + 1
        mode.open()
        kept = made * 2
        inner = mode.close()
        outer = mode.close()
    assert (inner, outer) == (800, 1200)
    assert len(kept) == 100


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda() -> None:
    a = torch.ones(100, device="cuda")
    assert moved(lambda: a + a) == (1200, 800)
