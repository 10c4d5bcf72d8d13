"""Pixel, perceptual and adversarial terms against numpy; PSNR-Y against scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor, nn

from refbench.errors import UserError
from refbench.training.stage2.adversarial import (
    Discriminator,
    critic_loss,
    generator_loss,
    gradient_penalty,
)
from refbench.training.stage2.perceptual import load_vgg19, perceptual
from refbench.training.stage2.pixel import pixel_loss
from refbench.training.validation import psnr_y


def _pair(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    return rng.random((2, 3, 8, 8)), rng.random((2, 3, 8, 8))


def test_pixel_terms_equal_numpy() -> None:
    a, b = _pair()
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    assert float(pixel_loss("l1", x, y)) == pytest.approx(np.abs(a - b).mean(), rel=1e-12)
    expected = np.sqrt((a - b) ** 2 + 1e-6).mean()
    assert float(pixel_loss("charbonnier", x, y)) == pytest.approx(expected, rel=1e-12)


def test_perceptual_norms_equal_numpy() -> None:
    a, b = _pair(1)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    assert float(perceptual(x, y, "mse")) == pytest.approx(((a - b) ** 2).mean(), rel=1e-12)
    assert float(perceptual(x, y, "frobenius")) == pytest.approx(np.linalg.norm(a - b), rel=1e-12)


class Linear(nn.Module):
    """A critic whose gradient is known: the mean of w * x."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: Tensor) -> Tensor:
        return (self.weight * x).flatten(1).sum(dim=1, keepdim=True)


def test_gradient_penalty_of_a_linear_critic() -> None:
    real, fake = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    mix = torch.rand(2, 1, 1, 1)
    norm = 0.5 * np.sqrt(48)
    assert gradient_penalty(Linear(0.5), real, fake, mix).item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    unit = Linear(1 / np.sqrt(48))
    assert gradient_penalty(unit, real, fake, mix).item() == pytest.approx(0.0, abs=1e-10)
    expected = unit(fake).mean() - unit(real).mean()
    assert critic_loss(unit, real, fake, mix, 10.0).item() == pytest.approx(expected.item(), abs=1e-5)
    assert generator_loss(unit, fake).item() == pytest.approx(-unit(fake).mean().item())


def test_critic_learns_to_tell_real_from_fake() -> None:
    torch.manual_seed(0)
    critic = Discriminator(4, sigmoid=False)
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
    real, fake = torch.rand(4, 3, 32, 32) * 0.2 + 0.8, torch.rand(4, 3, 32, 32) * 0.2
    for _ in range(15):
        optimizer.zero_grad()
        loss = critic_loss(critic, real, fake, torch.rand(4, 1, 1, 1), 10.0)
        loss.backward()
        optimizer.step()
    assert float(critic(real).mean()) > float(critic(fake).mean())
    assert Discriminator(4)(real).shape == (4, 1)


def test_vgg19_must_be_the_known_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.vgg19 is missing"):
        load_vgg19("")
    with pytest.raises(UserError, match="no file"):
        load_vgg19(str(tmp_path / "none.pth"))
    other = tmp_path / "vgg19-dcbb9e9d.pth"
    other.write_bytes(b"something else")
    with pytest.raises(UserError, match="its sha256 does not start with dcbb9e9d"):
        load_vgg19(str(other))


def test_psnr_y_equals_scikit_image() -> None:
    rng = np.random.default_rng(2)
    hr = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    sr = np.clip(hr.astype(int) + rng.integers(-9, 10, hr.shape), 0, 255).astype(np.uint8)
    y_hr, y_sr = (rgb2ycbcr(v)[4:-4, 4:-4, 0] for v in (hr, sr))
    expected = peak_signal_noise_ratio(y_hr, y_sr, data_range=255)
    x, y = (torch.from_numpy(v).permute(2, 0, 1)[None].double() / 255 for v in (sr, hr))
    assert float(psnr_y(x, y)) == pytest.approx(expected, abs=1e-4)
