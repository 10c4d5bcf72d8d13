"""Coherence against brute force, and a closed gate that keeps the reference out of the result."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refbench.methods.c2_matching.config import COMPACT as C2_COMPACT
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.ttsr.config import COMPACT as TTSR_COMPACT
from refbench.methods.ttsr.model import TtsrModel
from refbench.nets.framing import pil_up
from refbench.nets.trust import REACH, SIDE, TrustGate, coherence, gate_at, trust_map


def test_coherence_equals_brute_force() -> None:
    flow = torch.randint(-2, 3, (2, 9, 8, 2)).float()
    got = coherence(flow)[:, 0].numpy()
    half = SIDE // 2
    for b, y, x in np.ndindex(2, 9, 8):
        alike = 0
        for dy in range(-half, half + 1):
            for dx in range(-half, half + 1):
                other = flow[b, min(max(y + dy, 0), 8), min(max(x + dx, 0), 7)]
                alike += int(bool(((other - flow[b, y, x]).abs() < REACH).all()))
        assert got[b, y, x] == pytest.approx(alike / SIDE**2, abs=1e-6)


def test_true_motion_is_coherent_and_chance_is_not() -> None:
    still = torch.full((1, 20, 20, 2), 7.0)
    chance = torch.randint(-20, 20, (1, 20, 20, 2)).float()
    assert float(coherence(still).min()) == 1.0
    assert float(coherence(chance).mean()) < 0.1
    both = trust_map(chance, torch.full((1, 1, 20, 20), 0.5))
    assert both.shape == (1, 2, 20, 20)
    assert torch.equal(both[:, :1], torch.full((1, 1, 20, 20), 0.5))


def test_the_gate_starts_open_and_scales_to_finer_levels() -> None:
    gate = TrustGate()(torch.rand(1, 2, 6, 5))
    assert gate.shape == (1, 1, 6, 5)
    assert float(gate.detach().mean()) > 0.5
    assert gate_at(gate, 1) is gate
    assert gate_at(gate, 4).shape == (1, 1, 24, 20)


def _shut(gate: TrustGate | None) -> None:
    assert gate is not None
    with torch.no_grad():
        gate.conv2.weight.zero_()
        assert gate.conv2.bias is not None
        gate.conv2.bias.fill_(-200.0)


@pytest.mark.parametrize("shut", [False, True])
def test_c2_matching_does_not_see_the_reference_through_a_closed_gate(shut: bool) -> None:
    model = C2Model(C2_COMPACT).eval()
    if shut:
        _shut(model.restoration.dyn_agg_restore.trust_gate)
    lr = torch.rand(1, 3, 12, 16)
    with torch.inference_mode():
        up = pil_up(lr[0])[None]
        one, two = (model(lr, up, torch.rand(1, 3, 48, 64)) for _ in range(2))
    # the offset branch sees the unwarped texture, but what it gathers is multiplied by the gate
    assert torch.equal(one, two) == shut


@pytest.mark.parametrize("shut", [False, True])
def test_ttsr_does_not_see_the_reference_through_a_closed_gate(shut: bool) -> None:
    model = TtsrModel(TTSR_COMPACT).eval()
    if shut:
        _shut(model.trust_gate)
    lr = torch.rand(1, 3, 12, 16)
    with torch.inference_mode():
        up = pil_up(lr[0])[None]
        refs = [torch.rand(1, 3, 48, 64) for _ in range(2)]
        one, two = (model(lr * 2 - 1, up * 2 - 1, r * 2 - 1, r * 2 - 1) for r in refs)
    assert torch.equal(one, two) == shut


def test_the_released_forms_have_no_gate() -> None:
    from refbench.methods.c2_matching.config import RELEASED as C2_RELEASED
    from refbench.methods.ttsr.config import RELEASED as TTSR_RELEASED

    assert not C2_RELEASED.trust_gate
    assert not TTSR_RELEASED.trust_gate
