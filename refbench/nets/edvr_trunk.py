"""What EDVR and the net built after it share: feature pyramid, alignment and reconstruction.

Paper: Wang et al., "EDVR: Video Restoration with Enhanced Deformable Convolutional Networks", CVPRW 2019.
Module names are those of BasicSR's checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.layout import fast_layout
from refbench.nets.needs import FLOAT, SLACK
from refbench.nets.pcd import PCDAlignment, Pyramid, lrelu
from refbench.nets.residual import residual_body
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Pass, Window, tiled

MULTIPLE = 4
"""LR sides are multiples of this: two levels below the finest."""
EXTRACT_LR, EXTRACT_REFERENCE = "extract lr", "extract reference"
FUSE, RESTORE = "fuse", "restore"
PYRAMID = 1 + 1 / 4 + 1 / 16
"""Pixels of three levels per pixel of the finest."""


class EdvrTrunk(nn.Module):
    """``channels`` at LR size; ``wide`` of them after the second enlargement."""

    def __init__(
        self, channels: int, wide: int, groups: int, extract_blocks: int, restore_blocks: int, base: str
    ) -> None:
        super().__init__()
        self.base = base
        self.conv_first = conv3x3(3, channels)
        self.feature_extraction = residual_body(channels, extract_blocks)
        self.conv_l2_1 = conv3x3(channels, channels, stride=2)
        self.conv_l2_2 = conv3x3(channels, channels)
        self.conv_l3_1 = conv3x3(channels, channels, stride=2)
        self.conv_l3_2 = conv3x3(channels, channels)
        self.pcd_align = PCDAlignment(channels, groups)
        self.reconstruction = residual_body(channels, restore_blocks)
        self.upconv1 = conv3x3(channels, 4 * channels)
        self.upconv2 = conv3x3(channels, 4 * wide)
        self.conv_hr = conv3x3(wide, wide)
        self.conv_last = conv3x3(wide, 3)

    def pyramid(self, finest: Tensor) -> list[Tensor]:
        """Three levels of features from the output of a stem, (B, C, H, W)."""
        level1 = self.feature_extraction(finest)
        level2 = lrelu(self.conv_l2_2(lrelu(self.conv_l2_1(level1))))
        return [level1, level2, lrelu(self.conv_l3_2(lrelu(self.conv_l3_1(level2))))]

    def encode_lr(self, lr: Tensor, name: str = EXTRACT_LR) -> Pyramid:
        """Pyramid of ``lr`` (B, 3, H, W) in [0, 1], sides multiples of 4."""
        return self.encoded(name, lr, 1, lambda part: lrelu(self.conv_first(part)))

    def encoded(self, name: str, image: Tensor, factor: int, stem: Callable[[Tensor], Tensor]) -> Pyramid:
        """``factor``: image pixels per pixel of the finest level. Windows are cut on the coarsest."""
        cell = MULTIPLE * factor

        def compute(window: Window) -> Pyramid:
            return self.pyramid(stem(fast_layout(window.times(cell).of(image))))

        with stage("extract"):
            return tiled(name, (image.shape[2] // cell, image.shape[3] // cell), compute, (4, 2, 1))

    def reconstruct(self, lr: Tensor, fused: Tensor) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from fused features (B, C, H, W)."""
        mode: Literal["bilinear", "bicubic"] = "bicubic" if self.base == "bicubic" else "bilinear"

        def compute(window: Window) -> list[Tensor]:
            x = self.reconstruction(window.of(fused))
            x = lrelu(F.pixel_shuffle(self.upconv1(x), 2))
            x = lrelu(F.pixel_shuffle(self.upconv2(x), 2))
            return [self.conv_last(lrelu(self.conv_hr(x)))]

        with stage("restore"):
            (out,) = tiled(RESTORE, (lr.shape[2], lr.shape[3]), compute, (4,))
            return out + F.interpolate(lr, scale_factor=4, mode=mode, align_corners=False)


def encoder_pass(name: str, lr: tuple[int, int], channels: int, blocks: int, held: float, hr: bool) -> Pass:
    """The pass of :meth:`EdvrTrunk.encoded`; ``hr``: through a stem from four times the size."""
    # LR pixels: stem and blocks, then two levels of a strided and a plain convolution
    reach = -(-(2 + 2 * blocks + 1 + 2 + 2 + 4) // MULTIPLE)
    stem = 256 * (3 + 3 * channels) if hr else 0
    size = (lr[0] // MULTIPLE, lr[1] // MULTIPLE)
    return Pass(name, size, FLOAT * SLACK * (16 * 6 * channels + stem), held, reach)


def reconstruct_pass(lr: tuple[int, int], channels: int, wide: int, blocks: int, held: float) -> Pass:
    """The pass of :meth:`EdvrTrunk.reconstruct`."""
    per_pixel = FLOAT * SLACK * (16 * 3 * wide + 4 * 4 * channels + 48)
    return Pass(RESTORE, lr, per_pixel, held, 2 * blocks + 4)
