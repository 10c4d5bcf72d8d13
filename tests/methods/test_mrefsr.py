"""MRefSR: official values, the head's padding, and what the order and number of references may change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.conformance.golden import check_golden, render
from refbench.methods.mrefsr import head as head_module
from refbench.methods.mrefsr.config import COMPACT, RELEASED, MRefConfig
from refbench.methods.mrefsr.head import MultiReferenceHead
from refbench.methods.mrefsr.model import MRefModel

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
KEYS = GOLDEN / "mrefsr.keys.json"
TINY = MRefConfig(
    ngf=8, n_blocks=1, level_blocks=(1, 1, 1), channels=(4, 4, 8), extractor_channels=(4, 4, 8), groups=2,
    trust_gate=True,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        yield


def test_official_values() -> None:
    report = check_golden("mrefsr", GOLDEN / "mrefsr.sq.npz", KEYS)
    assert report.ok, render(report)
    assert report.compared == 91
    assert "23,711,633 parameters" in next(r.detail for r in report.results if r.name == "keys/net_g")


def test_official_head_on_sides_that_are_no_multiples_of_four() -> None:
    report = check_golden("mrefsr", GOLDEN / "mrefsr_head.npz", KEYS)
    assert report.ok, render(report)
    assert report.compared == 6


def test_zeros_in_place_of_reflection_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the head's file can show it: 40 x 40 needs no padding."""
    monkeypatch.setattr(head_module, "reflected", lambda x, rows, columns: F.pad(x, (0, columns, 0, rows)))
    report = check_golden("mrefsr", GOLDEN / "mrefsr_head.npz", KEYS)
    assert {r.name for r in report.results if r.status == "fail"} >= {"a/out", "b/out", "c/out"}


def lively(model: nn.Module) -> nn.Module:
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=1.0 / parameter[0].numel() ** 0.5)
    return model.eval()


@pytest.fixture
def net() -> nn.Module:
    return lively(MRefModel(TINY))


def images(*sizes: tuple[int, int]) -> list[Tensor]:
    return [torch.rand(1, 3, *size) for size in sizes]


def restored(net: nn.Module, references: Sequence[Tensor]) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    lr, up = torch.rand(1, 3, 9, 10, generator=rng), torch.rand(1, 3, 36, 40, generator=rng)
    with torch.inference_mode():
        out: Tensor = net(lr, up, references)
    return out


def test_the_order_of_references_changes_nothing(net: nn.Module) -> None:
    a, b, c = images((36, 40), (32, 44), (20, 60))
    first = restored(net, [a, b, c])
    torch.testing.assert_close(restored(net, [c, a, b]), first, rtol=0, atol=1e-5)
    assert not torch.allclose(restored(net, [a, b]), first, atol=1e-4)


@pytest.mark.parametrize("times", [2, 5])
def test_a_repeated_reference_changes_nothing(net: nn.Module, times: int) -> None:
    (a,) = images((36, 40))
    torch.testing.assert_close(restored(net, [a] * times), restored(net, [a]), rtol=0, atol=1e-5)


def test_one_reference_skips_the_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    head = lively(MultiReferenceHead(8, 4))
    assert isinstance(head, MultiReferenceHead)
    x, texture = torch.rand(1, 8, 7, 10), torch.rand(1, 4, 7, 10)
    twice = head(x, 2, lambda _: (texture, None), (1, 2))
    used: list[str] = []
    for name in ("conv_emb1", "conv_emb2", "conv_ass"):
        head.get_submodule(name).register_forward_hook(lambda *_, name=name: used.append(name))
    torch.testing.assert_close(head(x, 1, lambda _: (texture, None), (1, 2)), twice, rtol=0, atol=1e-5)
    assert used == ["conv_ass"]


def test_embeddings_learn_from_two_references_and_not_from_one() -> None:
    for count, learns in ((1, False), (2, True)):
        head = MultiReferenceHead(8, 4)
        head(torch.rand(1, 8, 8, 8), count, lambda _: (torch.rand(1, 4, 8, 8), None), (0, 0)).sum().backward()
        assert (head.conv_emb2.get_parameter("0.weight").grad is not None) is learns


def test_a_closed_gate_takes_a_reference_out() -> None:
    head = lively(MultiReferenceHead(8, 4))
    x, good, bad = torch.rand(1, 8, 8, 8), torch.rand(1, 4, 8, 8), torch.rand(1, 4, 8, 8)
    open_, shut = torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    both = [(good, open_), (bad * shut, shut)]
    with torch.inference_mode():
        alone = head(x, 1, lambda _: (good, open_), (0, 0))
        gated = head(x, 2, lambda k: both[k], (0, 0))
        ungated = head(x, 2, lambda k: (both[k][0], None), (0, 0))
    assert float((gated - alone).abs().max()) < 0.01 * float((ungated - alone).abs().max())


def test_sizes() -> None:
    def count(config: MRefConfig) -> tuple[int, int]:
        net = MRefModel(config).restoration
        return sum(p.numel() for p in net.parameters()), len(net.state_dict())

    assert count(RELEASED) == (23_711_633, 350)
    assert count(COMPACT)[0] < 600_000
