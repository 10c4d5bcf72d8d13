"""EDVR: frames aligned to the middle one by PCD, fused by TSA, and restored.

Paper: Wang et al., "EDVR: Video Restoration with Enhanced Deformable Convolutional Networks", CVPRW 2019.
Module names are those of BasicSR's checkpoints. Written from a description of the architecture; no upstream
source was used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from refbench.nets.edvr_trunk import FUSE, EdvrTrunk
from refbench.nets.pcd import Pyramid
from refbench.nets.spatial_attention import SpatialAttention, conv1x1
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Window, tiled

from .config import WIDE, EdvrConfig


class TemporalSpatialAttention(SpatialAttention):
    """Each frame weighed by its agreement with the middle one, then the spatial attention (section 3.3)."""

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__(frames * channels, channels)
        self.centre = frames // 2
        self.temporal_attn1 = conv3x3(channels, channels)
        self.temporal_attn2 = conv3x3(channels, channels)

    def agreement(self, frames: Sequence[Tensor]) -> list[Tensor]:
        """A weight (B, 1, H, W) in (0, 1) for each of the aligned ``frames`` (B, C, H, W)."""
        middle = self.temporal_attn1(frames[self.centre])
        return [torch.sigmoid((self.temporal_attn2(f) * middle).sum(dim=1, keepdim=True)) for f in frames]

    def forward(self, frames: Sequence[Tensor]) -> Tensor:
        """(B, C, H, W) from aligned ``frames`` (B, C, H, W) in their order; H, W multiples of 4."""
        weights = self.agreement(frames)
        return self.attend(torch.cat([f * w for f, w in zip(frames, weights, strict=True)], dim=1))


class EdvrNet(EdvrTrunk):
    """The whole net; base bilinear, output not clamped."""

    def __init__(self, config: EdvrConfig) -> None:
        super().__init__(
            config.channels, WIDE, config.groups, config.extract_blocks, config.restore_blocks, "bilinear"
        )
        self.config = config
        self.fusion: nn.Module
        if config.tsa:
            self.fusion = TemporalSpatialAttention(config.channels, config.frames)
        else:
            self.fusion = conv1x1(config.frames * config.channels, config.channels)

    def fused(self, frames: Sequence[Pyramid]) -> Tensor:
        """Features (B, C, H, W) from the pyramids of all frames in their order."""
        centre = frames[self.config.centre]
        known: dict[int, Tensor] = {}
        with stage("transfer"):
            for frame in frames:
                # a frame that stands for several missing ones is aligned once
                if id(frame) not in known:
                    known[id(frame)] = self.pcd_align(frame, centre)
            aligned = [known[id(frame)] for frame in frames]

            def compute(window: Window) -> list[Tensor]:
                parts = [window.of(one) for one in aligned]
                return [self.fusion(parts if self.config.tsa else torch.cat(parts, dim=1))]

            return tiled(FUSE, (centre[0].shape[2], centre[0].shape[3]), compute)[0]

    def restore(self, lr: Tensor, frames: Sequence[Pyramid]) -> Tensor:
        """SR (B, 3, 4H, 4W) of ``lr`` (B, 3, H, W) from the pyramids of all frames, itself among them."""
        return self.reconstruct(lr, self.fused(frames))

    def forward(self, frames: Tensor) -> Tensor:
        """SR from ``frames`` (B, T, 3, H, W) in [0, 1]; H, W multiples of 4."""
        each = frames.unbind(dim=1)
        return self.restore(each[self.config.centre], [self.encode_lr(one) for one in each])
