"""Parameters and operations of a method, against counts by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from refbench.execution.measure.work import WorkCounter, count_flops, unseen
from refbench.isolation.outside import method_outside
from refbench.plan.method_hooks import parameter_count
from refbench.registry import Registry
from refbench.types import Input

HEIGHT, WIDTH = 6, 9


def images(height: int = HEIGHT, width: int = WIDTH) -> Input:
    return Input(torch.rand(3, height, width), (torch.rand(3, 5, 7),), sample_id="a", ref_names=("r",))


@dataclass
class Parts:
    nets: dict[str, list[nn.Module]]


class Net:
    """A convolution of 3 to 4 channels that two places hold, and a linear layer elsewhere; a match by a
    matrix product. Features of a reference are kept, as hosted nets do."""

    def __init__(self) -> None:
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.parts = Parts({"again": [self.conv], "other": [nn.Linear(4, 2)]})
        self.itself = self
        self.calls = 0
        self.known: dict[bytes, torch.Tensor] = {}

    def __call__(self, inp: Input) -> torch.Tensor:
        self.calls += 1
        key = inp.refs[0].numpy().tobytes()
        if key not in self.known:
            self.known[key] = self.conv(inp.refs[0][None])[0].flatten(1)
        query = self.conv(inp.lr[None])[0].flatten(1)
        return query.T @ self.known[key]


def by_hand(height: int, width: int) -> int:
    convolutions = 2 * 4 * 3 * 9 * (height * width + 5 * 7)
    return convolutions + 2 * height * width * 4 * 5 * 7


@torch.inference_mode()
def test_operations_of_nets_and_matching_with_nothing_cached() -> None:
    net, counter = Net(), WorkCounter()
    inp = images()
    net(inp)
    found = counter.of(net, inp, net)
    assert found == {"parameters": 3 * 4 * 9 + 4 + 4 * 2 + 2, "flops": by_hand(HEIGHT, WIDTH)}
    assert net.calls == 2
    # another image of the same size is not counted again, another size is
    assert counter.of(net, images(), net) == found
    assert net.calls == 2
    assert counter.of(net, images(8, 8), net)["flops"] == by_hand(8, 8)
    assert net.calls == 3


def test_negatives_are_as_large_and_keep_the_names() -> None:
    inp = images()
    other = unseen(inp)
    assert torch.equal(other.lr, 1 - inp.lr)
    assert torch.equal(other.refs[0], 1 - inp.refs[0])
    assert (other.sample_id, other.ref_names, other.scale) == ("a", ("r",), 4)


class Elsewhere:
    """Works in another process, as command and external do."""

    last_cost = {"wall_s": 1.0}  # noqa: RUF012
    parameter_count = 7

    def __call__(self, inp: Input) -> Any:
        raise AssertionError("must not be called again")


class Plain:
    """No net: nothing to count, and never called again."""

    def __call__(self, inp: Input) -> Any:
        raise AssertionError("must not be called again")


class Broken(Net):
    def __call__(self, inp: Input) -> torch.Tensor:
        raise RuntimeError("only once")


@pytest.mark.parametrize(
    ("method", "found"),
    [(Elsewhere(), {"parameters": 7.0}), (Plain(), {}), (Broken(), {"parameters": 122.0})],
)
def test_what_cannot_be_known_is_left_out(method: Any, found: dict[str, float]) -> None:
    assert WorkCounter().of(method, images(), method) == found


def test_a_call_without_operations_has_no_count() -> None:
    assert count_flops(lambda: torch.rand(3) + 1) is None


def test_bicubic_has_no_parameters_and_a_hosted_net_all_of_its_file() -> None:
    from refbench.execution.loader import load_method, resolve_weights
    from refbench.weights.checkpoint import read_checkpoint

    registry = Registry.discover()
    bicubic = load_method(method_outside(registry, "bicubic"), None, {}, "cpu")
    assert parameter_count(bicubic) == 0
    spec = method_outside(registry, "datsr")
    weights = resolve_weights(spec, "compact", None)
    assert weights is not None
    method = load_method(spec, weights, {}, "cpu")
    path: Path = weights.paths["net"]
    stored = sum(t.numel() for t in read_checkpoint(path).tensors.values() if t.is_floating_point())
    buffers = sum(b.numel() for b in method.model.buffers() if b.is_floating_point())  # type: ignore[attr-defined]
    count = parameter_count(method)
    assert count is not None
    assert stored - buffers <= count <= stored
