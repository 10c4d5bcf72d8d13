"""SRNTT's networks, in the layout of its PyTorch port (srntt-pytorch).

Paper: Zhang et al., "Image Super-Resolution by Neural Texture Transfer", CVPR 2019. The authors' own code is
in TensorFlow; its files do not fit. Written from a description of the port; no upstream source was used.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.residual import leaky
from refbench.nets.three_levels import COARSE_TO_FINE, content_and_base, three_levels
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Window

from .config import SrnttConfig

Textures = Callable[[int, Window], Tensor]
"""(level, finest = 0; window of that level's pixels) -> weighed texture (B, C, h, w)."""


class PortBlock(nn.Module):
    """x + conv(ReLU(conv(x))), under the port's names ``body.0`` and ``body.2``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3x3(channels, channels), nn.ReLU(inplace=True), conv3x3(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        out: Tensor = self.body(x).add_(x)
        return out


def body(channels: int, blocks: int) -> nn.Sequential:
    """``blocks`` blocks in a row; the skip around them is the caller's."""
    return nn.Sequential(*(PortBlock(channels) for _ in range(blocks)))


def upscaled(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution, pixel shuffle by 2, LeakyReLU."""
    return [conv3x3(inputs, 4 * outputs), nn.PixelShuffle(2), leaky()]


class ContentExtractor(nn.Module):
    """LR features, and the enlargement without a reference that training of the port starts from."""

    def __init__(self, config: SrnttConfig) -> None:
        super().__init__()
        ngf = config.ngf
        self.head = nn.Sequential(conv3x3(3, ngf), leaky())
        self.body = body(ngf, config.n_blocks)
        self.tail = nn.Sequential(
            *upscaled(ngf, ngf), *upscaled(ngf, ngf), conv3x3(ngf, ngf), leaky(), conv3x3(ngf, 3)
        )

    def forward(self, lr: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> features (B, ngf, H, W)."""
        start = self.head(lr)
        out: Tensor = self.body(start) + start
        return out


class TextureTransfer(nn.Module):
    """Three levels that take in the swapped textures, coarse to fine."""

    def __init__(self, config: SrnttConfig) -> None:
        super().__init__()
        ngf = config.ngf
        if config.use_weights:
            # identity of the weights at first: sigmoid(similarity)
            self.a = nn.Parameter(torch.ones(3))
            self.b = nn.Parameter(torch.zeros(3))
        for name, level in COARSE_TO_FINE:
            self.add_module(
                f"head_{name}", nn.Sequential(conv3x3(ngf + config.channels[level], ngf), leaky())
            )
            self.add_module(f"body_{name}", body(ngf, config.n_blocks))
        self.tail_small = nn.Sequential(*upscaled(ngf, ngf))
        self.tail_medium = nn.Sequential(*upscaled(ngf, ngf))
        half = max(ngf // 2, 1)
        self.tail_large = nn.Sequential(conv3x3(ngf, half), leaky(), conv3x3(half, 3))

    def weights(self, similarity: Tensor) -> list[Tensor] | None:
        """Weights (B, 1, H, W) of the textures at each level, finest first; None for a net without them.

        ``similarity`` of the matches: (B, 1, h-2, w-2).
        """
        if not hasattr(self, "a"):
            return None
        whole = F.pad(similarity, (1, 1, 1, 1), mode="replicate")
        found = []
        for level, factor in ((0, 4), (1, 2), (2, 1)):
            size = (whole.shape[2] * factor, whole.shape[3] * factor)
            # the port's order is coarse to fine
            raw = whole * self.a[2 - level] + self.b[2 - level]
            found.append(torch.sigmoid(F.interpolate(raw, size=size, mode="bicubic", align_corners=True)))
        return found

    def forward(self, x: Tensor, textures: Textures) -> Tensor:
        """Residual (B, 3, 4H, 4W) for LR features ``x`` (B, ngf, H, W). Each level is a pass of its own."""

        def one_level(name: str, level: int, x: Tensor, window: Window) -> Tensor:
            texture = textures(level, window)
            with stage("restore"):
                head = self.get_submodule(f"head_{name}")(torch.cat([x, texture], dim=1))
                out: Tensor = self.get_submodule(f"body_{name}")(head) + x
            return out

        return three_levels(self, x, one_level)


class SrnttNet(nn.Module):
    """The checkpoint (``net_g``)."""

    def __init__(self, config: SrnttConfig) -> None:
        super().__init__()
        self.config = config
        self.content_extractor = ContentExtractor(config)
        self.texture_transfer = TextureTransfer(config)

    def forward(self, lr: Tensor, textures: Textures) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from ``lr`` (B, 3, H, W) in [0, 1]."""
        content, base = content_and_base(self.content_extractor, lr, "bilinear")
        out: Tensor = self.texture_transfer(content, textures)
        return out + base
