"""Synthetic images and feature maps of any size: seeded, smooth like photographs, with true matches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.types import Input

OCTAVES = (4, 16, 64)
"""Pixels between independent values of the layers of a texture."""
SHIFT = (5, 7)
"""The reference is the query displaced by 1/5 of its height and 1/7 of its width."""
NOISE = 0.3


def texture(channels: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """(channels, height, width), mean 0: noise at several scales, each interpolated bicubically."""
    total = torch.zeros(channels, height, width)
    for step in OCTAVES:
        grid = torch.randn(1, channels, height // step + 2, width // step + 2, generator=generator)
        total += F.interpolate(grid, size=(height, width), mode="bicubic", align_corners=False)[0]
    mean: Tensor = total / len(OCTAVES) ** 0.5
    return mean


def displaced(values: Tensor) -> Tensor:
    """The map rolled by :data:`SHIFT`: all but a strip of it has a true match."""
    height, width = values.shape[-2:]
    return values.roll((height // SHIFT[0], width // SHIFT[1]), (-2, -1))


def image_pair(
    size: tuple[int, int], ref_size: tuple[int, int], scale: int, seed: int, device: torch.device
) -> Input:
    """LR and one reference on ``device``, 8-bit values; another ``seed`` gives other images."""
    generator = torch.Generator().manual_seed(seed)
    height, width = (max(a, b) for a, b in zip(size, ref_size, strict=True))
    scene = texture(3, height, width, generator)
    hr = scene[:, : size[0], : size[1]]
    reference = displaced(scene)[:, : ref_size[0], : ref_size[1]]
    lr = F.avg_pool2d(hr[None], scale)[0]
    return Input(
        lr=_eight_bit(lr).to(device),
        refs=(_eight_bit(reference).to(device),),
        scale=scale,
        sample_id=f"synthetic-{seed}",
        ref_names=("synthetic",),
    )


def feature_pair(features: tuple[int, int, int], seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(query, reference), each (C, H, W) from ``features`` (H, W, C), with independent noise."""
    height, width, channels = features
    generator = torch.Generator().manual_seed(seed)
    scene = texture(channels, height, width, generator)
    noise = NOISE * torch.randn(2, channels, height, width, generator=generator)
    return (scene + noise[0]).to(device), (displaced(scene) + noise[1]).to(device)


def _eight_bit(values: Tensor) -> Tensor:
    return ((values * 0.2 + 0.5).clamp(0, 1) * 255).round() / 255
