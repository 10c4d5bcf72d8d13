"""edvr_ref: any number of references, in any order; sizes as specified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from refbench.methods.edvr_ref.config import EdvrRefConfig
from refbench.methods.edvr_ref.net import EdvrRefNet
from refbench.training.trainable import build_trainable


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        yield


@pytest.fixture
def net() -> EdvrRefNet:
    model = EdvrRefNet(EdvrRefConfig(channels=8, groups=2, extract_blocks=1, restore_blocks=1))
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=1.0 / parameter[0].numel() ** 0.5)
    return model.eval()


def pair(count: int) -> tuple[Tensor, list[Tensor]]:
    return torch.rand(2, 3, 8, 12), [torch.rand(2, 3, 32, 48) for _ in range(count)]


@torch.inference_mode()
def test_order_repeats_and_masks(net: EdvrRefNet) -> None:
    lr, (a, b, c) = pair(3)
    whole = net(lr, [a, b, c])
    torch.testing.assert_close(net(lr, [c, a, b]), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(net(lr, [a, a, a]), net(lr, [a]), rtol=0, atol=1e-5)
    only = torch.tensor([[False, True, False], [True, False, False]])
    masked = net(lr, [a, b, c], only)
    torch.testing.assert_close(masked[:1], net(lr[:1], [b[:1]]), rtol=0, atol=1e-6)
    torch.testing.assert_close(masked[1:], net(lr[1:], [a[1:]]), rtol=0, atol=1e-6)
    none = net(lr, [])
    assert torch.equal(net(lr, [a, b, c], torch.zeros(2, 3, dtype=torch.bool)), none)
    assert not torch.allclose(whole, none, atol=1e-4)


@torch.inference_mode()
def test_mixture_is_the_softmax_of_the_specification(net: EdvrRefNet) -> None:
    """S = sum over valid k of softmax_k(z) sigmoid(z_k) A_k, written out with all references at once."""
    lr, refs = pair(3)
    valid = torch.tensor([[True, False, True], [True, True, True]])
    centre = net.encode_lr(lr)
    aligned = torch.stack([net.pcd_align(net.encode_reference(r), centre) for r in refs], 1)
    e0 = net.fusion.temporal_attn1(centre[0])
    ek = net.fusion.temporal_attn2(aligned.flatten(0, 1)).view_as(aligned)
    z = (ek * e0[:, None]).sum(2, keepdim=True) / 8**0.5
    there = valid[:, :, None, None, None]
    weights = torch.softmax(torch.where(there, z, -1e9), dim=1) * there
    mixed = (weights * torch.sigmoid(z) * aligned).sum(1)
    wanted = net.reconstruct(lr, net.fusion.attend(torch.cat([centre[0], mixed], 1)))
    torch.testing.assert_close(net(lr, refs, valid), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "parameters", "tensors", "pcd", "fusion"),
    [
        ((16, 4, 2, 4), 201_059, 114, 118_192, 18_896),
        ((16, 4, 5, 10), 242_819, 150, 118_192, 18_896),
        ((24, 8, 2, 4), 497_259, 114, 312_288, 42_360),
        ((32, 8, 5, 10), 965_379, 150, 471_392, 75_168),
    ],
)
def test_sizes(
    sizes: tuple[int, int, int, int], parameters: int, tensors: int, pcd: int, fusion: int
) -> None:
    net = EdvrRefNet(EdvrRefConfig(*sizes))
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert len(net.state_dict()) == tensors
    assert sum(p.numel() for p in net.pcd_align.parameters()) == pcd
    assert sum(p.numel() for p in net.fusion.parameters()) == fusion


def test_every_tensor_learns_from_two_references() -> None:
    trainable = build_trainable("edvr_ref", "compact", {"channels": 8, "groups": 2})
    refs = torch.rand(1, 2, 3, 32, 32)
    # offsets start at zero, where their convolutions see no gradient behind the first ones
    for parameter in trainable.model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.5 / parameter[0].numel() ** 0.5)
    trainable.restore(torch.rand(1, 3, 8, 8), refs).square().sum().backward()
    assert [n for n, p in trainable.model.named_parameters() if p.grad is None] == []


@torch.inference_mode()
def test_training_and_inference_compute_the_same(net: EdvrRefNet) -> None:
    """Two implementations of the deformable convolution: sampling with gradients, gathers without."""
    lr, refs = pair(2)
    fast = net(lr, refs)
    with torch.inference_mode(False), torch.enable_grad():
        slow = net(lr.clone(), [r.clone() for r in refs])
    torch.testing.assert_close(slow.detach(), fast, rtol=0, atol=1e-5)
