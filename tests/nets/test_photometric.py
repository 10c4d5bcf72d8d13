"""Colour alignment: an exact fit, no fit without trust, and what it does to a jittered reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refbench.methods.datsr import model as datsr
from refbench.methods.datsr.config import COMPACT
from refbench.methods.datsr.photometric import MOVED, align_colours, apply_colour, colours_moved, fit_colour
from refbench.nets.correspondence import LevelMatch


def test_fit_equals_numpy_least_squares_and_recovers_the_map() -> None:
    rng = np.random.default_rng(0)
    source = rng.uniform(0.2, 0.8, (3, 200))
    true = np.concatenate([np.eye(3) * 0.8 + 0.05, np.full((3, 1), 0.02)], axis=1)
    target = true @ np.concatenate([source, np.ones((1, 200))])
    a, b, w = (torch.from_numpy(v)[None] for v in (source, target, np.ones(200)))
    np.testing.assert_allclose(fit_colour(a, b, w, ridge=0.0)[0].numpy(), true, atol=1e-9)
    noisy = target + rng.normal(0, 0.05, target.shape)
    expected = np.linalg.lstsq(np.concatenate([source, np.ones((1, 200))]).T, noisy.T, rcond=None)[0].T
    got = fit_colour(a, torch.from_numpy(noisy)[None], w, ridge=0.0)[0].numpy()
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_without_trust_nothing_changes() -> None:
    colours = torch.rand(1, 3, 50)
    affine = fit_colour(colours, torch.rand(1, 3, 50), torch.zeros(1, 50))
    torch.testing.assert_close(affine, torch.eye(3, 4)[None], atol=1e-5, rtol=0)
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(apply_colour(image, affine), image, atol=1e-5, rtol=0)


def _still(height: int, width: int, trust: float | None) -> LevelMatch:
    flow = torch.zeros(1, 1, height, width, 2)
    confidence = None if trust is None else torch.full((1, 1, 3, height, width), trust)
    return LevelMatch(flow, flow.unsqueeze(2), torch.ones(1, 1, 1, height, width), confidence)


def test_a_darker_reference_takes_the_light_of_the_lr() -> None:
    generator = torch.Generator().manual_seed(0)
    lr = torch.rand(1, 3, 12, 12, generator=generator) * 0.6 + 0.2
    true = lr.repeat_interleave(4, 2).repeat_interleave(4, 3)
    dark = true * 0.7 + 0.01
    aligned = align_colours(dark, lr, _still(12, 12, 1.0))
    assert float((aligned - true).abs().max()) < 0.02
    untrusted = align_colours(dark, lr, _still(12, 12, 0.05))
    assert float((untrusted - dark).abs().max()) < 0.01
    with pytest.raises(ValueError, match="carry a confidence"):
        align_colours(dark, lr, _still(12, 12, None))


def test_moved_is_the_mean_change() -> None:
    image = torch.full((1, 3, 4, 4), 0.5)
    assert not colours_moved(image, image + 0.9 * MOVED)
    assert colours_moved(image, image - 1.1 * MOVED)


@pytest.mark.parametrize(("shift", "times"), [(0.0, 1), (0.2, 2)])
def test_another_light_is_matched_again(monkeypatch: pytest.MonkeyPatch, shift: float, times: int) -> None:
    """The keys are encoded anew, and matched, when alignment changed the reference; otherwise not."""
    model = datsr.DatsrModel(COMPACT).eval()
    encoded: list[torch.Tensor] = []
    encode = model.correspondences.encode

    def counted(image: torch.Tensor, valid: torch.Tensor | None = None) -> object:
        encoded.append(image)
        return encode(image, valid)

    monkeypatch.setattr(model.correspondences, "encode", counted)
    monkeypatch.setattr(datsr, "align_colours", lambda reference, lr, match: reference + shift)
    lr, reference = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        model(lr, torch.rand(1, 3, 64, 64), reference)
    assert len(encoded) == times
    torch.testing.assert_close(encoded[-1], reference + shift)
