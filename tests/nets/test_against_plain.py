"""The fast nets against plain builds of the specification, at sizes that no golden vector has."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from refbench.methods.edvr.config import L_VIMEO, EdvrConfig, M
from refbench.methods.edvr.net import EdvrNet
from refbench.methods.mrefsr.config import RELEASED
from refbench.methods.mrefsr.model import MRefModel
from refbench.nets.framing import pil_up


def picture(height: int, width: int) -> Tensor:
    """(1, 3, height, width) in [0, 1] with structure at several scales."""
    coarse = torch.rand(1, 3, max(height // 8, 2), max(width // 8, 2))
    smooth = functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
    return (0.8 * smooth + 0.2 * torch.rand(1, 3, height, width)).clamp(0, 1)


@pytest.mark.parametrize("size", [(9, 14), (16, 11)])
def test_c2_matching_agrees_on_non_square_sizes(c2: Any, plain: ModuleType, size: tuple[int, int]) -> None:
    lr, reference = picture(*size), picture(4 * size[0], 4 * size[1])
    upsampled = pil_up(lr[0])[None]
    state = c2.correspondences
    with torch.inference_mode():
        mine = c2(lr, upsampled, reference)
        wanted = plain.plain_c2_matching(
            state.extractor.state_dict(),
            state.texture.state_dict(),
            c2.restoration.state_dict(),
            lr,
            upsampled,
            reference,
        )
    assert torch.allclose(mine, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 24), (16, 8)])
def test_datsr_agrees_on_non_square_sizes(datsr: Any, plain: ModuleType, size: tuple[int, int]) -> None:
    lr, reference = picture(*size), picture(4 * size[0], 4 * size[1])
    upsampled = pil_up(lr[0])[None]
    state = datsr.correspondences
    with torch.inference_mode():
        mine = datsr(lr, upsampled, reference)
        wanted = plain.plain_datsr(
            state.extractor.state_dict(),
            state.texture.state_dict(),
            datsr.restoration.state_dict(),
            lr,
            upsampled,
            reference,
        )
    assert torch.allclose(mine, wanted, rtol=1e-4, atol=1e-4)


def test_ttsr_agrees_with_a_reference_of_another_size(ttsr: Any, plain: ModuleType) -> None:
    lr, reference, blurred = picture(9, 13) * 2 - 1, picture(44, 36) * 2 - 1, picture(44, 36) * 2 - 1
    upsampled = pil_up(lr[0] / 2 + 0.5)[None] * 2 - 1
    with torch.inference_mode():
        mine = ttsr(lr, upsampled, reference, blurred)
        wanted = plain.plain_ttsr_net(ttsr.state_dict(), lr, upsampled, reference, blurred)
    assert torch.allclose(mine, wanted, rtol=1e-4, atol=1e-4)


def test_datsr_with_one_match_ignores_the_mixing_weights(datsr: Any) -> None:
    """K = 2 with the second match forced equal to the first is K = 1: the softmax weights sum to one."""
    lr, reference = picture(8, 8), picture(32, 32)
    upsampled = pil_up(lr[0])[None]
    with torch.inference_mode():
        encoded = datsr.correspondences.encode(reference)
        single = datsr.correspondences.correspond(upsampled, encoded, 1)
        twice = [
            type(m)(
                m.flow.repeat(1, 2, 1, 1, 1),
                m.pre_offset.repeat(1, 2, 1, 1, 1, 1),
                m.similarity.repeat(1, 2, 1, 1, 1),
            )
            for m in single
        ]
        one = datsr.restoration(lr, encoded.textures, single)
        two = datsr.restoration(lr, encoded.textures, twice)
    assert torch.allclose(one, two, atol=1e-5)


def test_gradients_reach_every_live_parameter_of_datsr(datsr: Any) -> None:
    lr, reference = picture(8, 8), picture(32, 32)
    upsampled = pil_up(lr[0])[None]
    with torch.inference_mode():
        fast = datsr(lr, upsampled, reference)
    slow = datsr(lr, upsampled, reference)
    assert torch.allclose(fast, slow, rtol=1e-4, atol=1e-4)
    slow.square().mean().backward()
    dead = ("content_extractor.", "extractor.")
    without = [
        name
        for name, p in datsr.named_parameters()
        if p.grad is None and not any(part in name for part in dead)
    ]
    datsr.zero_grad(set_to_none=True)
    assert without == []


def lively(model: Any) -> Any:
    """Weights that make masks, offsets and attention vary."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            gain = 2.0 if "offset" in name or "attn" in name else 0.7
            torch.nn.init.normal_(parameter, std=gain / parameter[0].numel() ** 0.5)
    return model.eval()


@pytest.mark.parametrize(("size", "count"), [((9, 14), 5), ((11, 6), 2), ((7, 8), 1)])
def test_mrefsr_agrees_with_any_number_of_references(
    plain_fusion: ModuleType, size: tuple[int, int], count: int
) -> None:
    """Not square, sides that are not multiples of four, one to five references."""
    model = lively(MRefModel(RELEASED))
    lr, references = picture(*size), [picture(4 * size[0], 4 * size[1]) for _ in range(count)]
    upsampled = pil_up(lr[0])[None]
    parts = (model.correspondences.extractor, model.correspondences.texture, model.restoration)
    with torch.inference_mode():
        mine = model(lr, upsampled, references)
        wanted = plain_fusion.plain_mrefsr(*(m.state_dict() for m in parts), lr, upsampled, references)
    assert torch.allclose(mine, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "config", [M, EdvrConfig(frames=7, tsa=False), L_VIMEO], ids=["M", "7, no TSA", "L, 7"]
)
def test_edvr_agrees_on_sizes_that_are_not_square(plain_fusion: ModuleType, config: EdvrConfig) -> None:
    model = lively(EdvrNet(config))
    frames = torch.stack([picture(8, 12) for _ in range(config.frames)], dim=1)
    with torch.inference_mode():
        wanted = plain_fusion.plain_edvr(model.state_dict(), frames)
        assert torch.allclose(model(frames), wanted, rtol=1e-4, atol=1e-4)
