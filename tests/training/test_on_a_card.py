"""Training leaves no tensor on the CPU, shown without a card: forward passes on tensors without values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from refbench.matching import checks, fused_use
from refbench.training.data.pair import Batch
from refbench.training.optim import AveragedWeights
from refbench.training.recipe import LossRecipe, Stage1Recipe
from refbench.training.stage1.objective import EncoderObjective
from refbench.training.stage2.objective import RestorationObjective
from refbench.training.trainable import Trainable, build_trainable
from refbench.training.validation import ValidationSet

CARD = torch.device("cuda:0")
CHANGES = {"datsr": {"top_k": 1, "align_colours": False}}
"""As the preset trains it."""


@contextmanager
def without_values() -> Iterator[None]:
    """No values, so no gradients and no checks of values."""
    token = checks._pending.set([])
    try:
        with FakeTensorMode(), torch.no_grad():
            yield
    finally:
        checks._pending.reset(token)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """No kernel runs on tensors without values, and cuDNN's operators have no form for them."""
    monkeypatch.setattr(fused_use, "refusal", lambda *_: "no values")
    monkeypatch.setattr(torch.backends.cudnn, "enabled", False)


def on_card(method: str) -> Trainable:
    """A net whose tensors are on the card and without values; to be called in a FakeTensorMode."""
    with unset_fake_temporarily():
        net = build_trainable(method, "compact", CHANGES.get(method, {}))
    for module in net.model.modules():
        for name, p in module._parameters.items():
            if p is not None:
                empty = torch.empty(p.shape, dtype=p.dtype, device=CARD)
                module._parameters[name] = nn.Parameter(empty, p.requires_grad)
        for name, b in module._buffers.items():
            if b is not None:
                module._buffers[name] = torch.empty(b.shape, dtype=b.dtype, device=CARD)
    return net


def batch(device: torch.device, count: int = 2, references: int = 2, patch: int = 96) -> Batch:
    refs = torch.empty(count, references, 3, patch, patch, device=device)
    return Batch(
        hr=torch.empty(count, 3, patch, patch, device=device),
        lr=torch.empty(count, 3, patch // 4, patch // 4, device=device),
        ref=refs[:, 0],
        homographies=torch.empty(count, 2, 3, 3, device=device),
        layer=torch.empty(count, (patch // 4) ** 2, dtype=torch.int64, device=device),
        refs=refs,
    )


@pytest.mark.parametrize("method", ["datsr", "c2_matching", "ttsr", "mrefsr", "edvr_ref"])
def test_a_step_of_stage_2(method: str) -> None:
    with without_values():
        net = on_card(method)
        if net.encoder is not None and method != "ttsr":
            net.encoder.requires_grad_(False)
        loss: Any = RestorationObjective(net, LossRecipe(pixel="charbonnier"))(batch(CARD), 0)["loss"]
        assert loss.device == CARD
        average = AveragedWeights(net.model, 0.99)
        # as a resume finds it
        average.load({name: value.cpu() for name, value in average.state().items()})
        average.update(net.model, 1)
        average.swap(net.model)


@pytest.mark.parametrize("method", ["datsr", "c2_matching", "ttsr", "mrefsr"])
def test_a_step_of_stage_1(method: str) -> None:
    with without_values():
        teacher, student = on_card(method), on_card(method)
        for objective in (
            EncoderObjective(teacher, Stage1Recipe(fine=0.5)),
            EncoderObjective(student, Stage1Recipe(fine=0.5), teacher),
        ):
            loss: Any = objective(batch(CARD), 0)["loss"]
            assert loss.device == CARD


@pytest.mark.parametrize("method", ["datsr", "edvr_ref"])
def test_validation_goes_to_the_net(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its patches are kept on the CPU."""
    seen: list[torch.device] = []
    validation = ValidationSet.__new__(ValidationSet)
    monkeypatch.setattr(
        "refbench.training.validation.psnr_y", lambda sr, hr: seen.extend((sr.device, hr.device)) or 0.0
    )
    monkeypatch.setattr("refbench.training.validation.pck", lambda errors, valid, *_, **__: [0.0] * 3)
    with without_values():
        validation.good = validation.several = validation.unrelated = validation.none = [
            batch(torch.device("cpu"), 1)
        ]
        validation.baseline = [0.0]
        net = on_card(method)
        assert validation.gains(net)["good"] == 0.0
        if net.encoder is not None:
            assert validation.matching(net)["pck1"] == 0.0
    assert set(seen) == {CARD}
