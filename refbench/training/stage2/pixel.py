"""Pixel terms of the reconstruction loss."""

from __future__ import annotations

import torch
from torch import Tensor


def l1(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute error, a scalar (all four methods' reconstruction loss)."""
    return (sr - hr).abs().mean()


def charbonnier(sr: Tensor, hr: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(d^2 + epsilon^2): L1 that is smooth at zero (LapSRN, CVPR 2017, eq. 5)."""
    return torch.sqrt((sr - hr).square() + epsilon * epsilon).mean()


def pixel_loss(name: str, sr: Tensor, hr: Tensor) -> Tensor:
    """The term called ``name``: l1 or charbonnier."""
    return charbonnier(sr, hr) if name == "charbonnier" else l1(sr, hr)
