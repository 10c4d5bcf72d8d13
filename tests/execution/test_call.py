"""The one call of a method: what it may return, how its failures are told, what it costs to count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from refbench.errors import SampleError
from refbench.execution.call import Images, Settings, _reset_memory, call
from refbench.execution.problem import one_line
from refbench.types import Input

LR = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def nearest(inp: Input) -> torch.Tensor:
    return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)


def test_sr_is_cut_to_what_is_scored() -> None:
    done = call(nearest, Images(LR, sr_cut=(4, 0, 8, 12)), Settings())
    assert done.problem is None
    assert done.sr is not None
    assert np.array_equal(done.sr, LR.repeat(4, 0).repeat(4, 1)[4:12, 0:12])


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (lambda sr: sr[:, :5], "SR has shape (3, 5, 36), expected (3, 24, 36)"),
        (
            lambda sr: (sr * 255).byte(),
            "SR has dtype uint8, expected float32 with values in [0, 1]; divide by 255",
        ),
        (lambda sr: sr > 0.5, "SR has dtype bool, expected float32 with values in [0, 1]"),
        (
            lambda sr: sr.to(torch.complex64),
            "SR has dtype complex64, expected float32 with values in [0, 1]; return its real part",
        ),
        (lambda sr: sr * float("nan"), "SR has values that are not finite"),
        (lambda sr: sr.numpy(), "returned a ndarray, not a torch.Tensor"),
        (lambda sr: None, "returned a NoneType, not a torch.Tensor"),
    ],
)
def test_what_is_not_an_sr_image_is_the_methods_error(returned: Callable[[Any], Any], text: str) -> None:
    problem = call(lambda inp: returned(nearest(inp)), Images(LR), Settings()).problem
    assert problem is not None
    assert (problem.kind, problem.text, problem.lasting) == ("method", text, True)


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no str")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("two\nlines"), "RuntimeError: two lines"),
        (SystemExit(0), "SystemExit: 0"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError("x"), "CancelledError: x"),
        (BaseException("own"), "BaseException: own"),
        (Mute(), "Mute: its message cannot be read: ValueError"),
    ],
)
def test_whatever_a_method_raises_is_one_line_with_its_place(error: BaseException, text: str) -> None:
    def method(inp: Input) -> torch.Tensor:
        raise error

    problem = call(method, Images(LR), Settings()).problem
    line = method.__code__.co_firstlineno + 1
    assert problem is not None
    assert (problem.kind, problem.text) == ("method", f"{text} (test_call.py:{line})")
    assert f'test_call.py", line {line}, in method' in problem.trace
    assert "call.py" not in problem.trace.replace("test_call.py", "")
    assert not problem.lasting


def test_a_refusal_in_the_methods_own_words_has_no_place() -> None:
    def method(inp: Input) -> torch.Tensor:
        raise SampleError("the reference is too small")

    problem = call(method, Images(LR), Settings()).problem
    assert problem is not None
    assert (problem.kind, problem.text, problem.trace) == ("method", "the reference is too small", "")


def test_the_place_is_the_authors_line_and_not_torchs() -> None:
    def method(inp: Input) -> torch.Tensor:
        return nn.Conv2d(4, 4, 3)(inp.lr[None])

    problem = call(method, Images(LR), Settings()).problem
    assert problem is not None
    assert problem.text.endswith(f"(test_call.py:{method.__code__.co_firstlineno + 1})")


def test_ctrl_c_goes_through() -> None:
    def method(inp: Input) -> torch.Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(method, Images(LR), Settings())


def test_an_exceptions_message_is_cut() -> None:
    assert len(one_line(RuntimeError("x" * 10_000))) == 500


class Net(nn.Module):
    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, inp: Input) -> torch.Tensor:
        Net.calls += 1
        return self.conv(nearest(inp)[None])[0]


@pytest.mark.parametrize(
    ("count", "calls", "known"),
    [("", 1, set()), ("parameters", 1, {"parameters"}), ("flops", 2, {"parameters", "flops"})],
)
def test_the_net_runs_once_unless_operations_are_asked_for(
    count: str, calls: int, known: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Net, "calls", 0)
    done = call(Net(), Images(LR), Settings(count=count))
    assert (Net.calls, set(done.work)) == (calls, known)


def test_a_card_on_which_nothing_is_yet_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """bicubic puts nothing on the card: its worker has no allocator before it is asked for one."""
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "init", lambda: asked.append("init"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: asked.append(str(device)))
    _reset_memory(torch.device("cuda:0"))
    assert asked == ["init", "cuda:0"]
