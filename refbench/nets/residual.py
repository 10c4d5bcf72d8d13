"""Residual blocks without normalisation (EDSR), and the content extractor made of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from refbench.nets.vgg import conv3x3

LEAK = 0.1
"""Negative slope of every LeakyReLU in C2-Matching and DATSR."""


def leaky() -> nn.LeakyReLU:
    """The LeakyReLU of C2-Matching and DATSR."""
    return nn.LeakyReLU(LEAK, inplace=True)


class ResidualBlock(nn.Module):
    """x + res_scale * conv2(ReLU(conv1(x)))."""

    def __init__(self, channels: int, res_scale: float = 1.0) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.conv2 = conv3x3(channels, channels)
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y = self.conv2(torch.relu_(self.conv1(x)))
        # in place on the convolution's fresh output: one pass less over HR-sized memory
        out: Tensor = y.add_(x) if self.res_scale == 1.0 else y.mul_(self.res_scale).add_(x)
        return out


def residual_body(channels: int, blocks: int, res_scale: float = 1.0) -> nn.Sequential:
    """``blocks`` residual blocks in a row, with no convolution after them."""
    return nn.Sequential(*(ResidualBlock(channels, res_scale) for _ in range(blocks)))


class ContentExtractor(nn.Module):
    """LR features: LeakyReLU(conv_first) and residual blocks (keys ``conv_first``, ``body``)."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.conv_first = conv3x3(3, channels)
        self.body = residual_body(channels, blocks)

    def forward(self, lr: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, channels, H, W)."""
        x = torch.nn.functional.leaky_relu_(self.conv_first(lr), LEAK)
        out: Tensor = self.body(x)
        return out


def upsampler(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution, pixel shuffle by 2 and LeakyReLU: (B, inputs, H, W) -> (B, outputs, 2H, 2W)."""
    return nn.Sequential(conv3x3(inputs, 4 * outputs), nn.PixelShuffle(2), leaky())
