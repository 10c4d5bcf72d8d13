"""MASA's networks: the shared encoder, and the decoder with spatial adaptation and dual residuals.

Paper: Lu et al., "MASA-SR", CVPR 2021, sections 3.3 and 3.4. Images are BGR in [0, 1] here. Written from a
description of the architecture; no upstream source was used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.layout import fast_layout
from refbench.nets.residual import residual_body
from refbench.nets.vgg import conv3x3

from .config import MasaConfig

NORM_EPS = 1e-5


def enlarge(x: Tensor) -> Tensor:
    """Bilinear x2."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Encoder(nn.Module):
    """Features at three resolutions of any image; LR, reference and small reference share it."""

    def __init__(self, config: MasaConfig) -> None:
        super().__init__()
        nf, blocks = config.nf, config.encoder_blocks
        self.conv_L1 = conv3x3(3, nf)
        self.blk_L1 = residual_body(nf, blocks)
        self.conv_L2 = conv3x3(nf, nf, stride=2)
        self.blk_L2 = residual_body(nf, blocks)
        self.conv_L3 = conv3x3(nf, nf, stride=2)
        self.blk_L3 = residual_body(nf, blocks)

    def finest(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> L1 (B, nf, H, W): what is matched."""
        out: Tensor = self.blk_L1(torch.relu_(self.conv_L1(fast_layout(image))))
        return out

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) -> L1, L2, L3 at H, H/2 and H/4."""
        level1 = self.finest(image)
        level2 = self.blk_L2(torch.relu_(self.conv_L2(level1)))
        return level1, level2, self.blk_L3(torch.relu_(self.conv_L3(level2)))


class SpatialAdaptation(nn.Module):
    """SAM: gives reference features the statistics of the LR features, varied per pixel."""

    def __init__(self, nf: int) -> None:
        super().__init__()
        self.conv_shared = nn.Sequential(conv3x3(2 * nf, nf), nn.ReLU(inplace=True))
        self.conv_gamma = conv3x3(nf, nf)
        self.conv_beta = conv3x3(nf, nf)

    def forward(self, lr: Tensor, reference: Tensor) -> Tensor:
        """Two maps (B, nf, H, W) -> the adapted reference.

        The reference is normalised with its biased variance, the LR deviation is the unbiased one.
        """
        shared = self.conv_shared(torch.cat((lr, reference), dim=1))
        deviation, mean = torch.std_mean(lr, dim=(2, 3), keepdim=True, correction=1)
        variance, centre = torch.var_mean(reference, dim=(2, 3), keepdim=True, correction=0)
        normal = (reference - centre) * torch.rsqrt(variance + NORM_EPS)
        out: Tensor = normal * (self.conv_gamma(shared) + deviation) + (self.conv_beta(shared) + mean)
        return out


class DualResidual(nn.Module):
    """DRAM: fuses features with adapted reference features of twice their size."""

    def __init__(self, nf: int) -> None:
        super().__init__()

        def up() -> nn.ConvTranspose2d:
            return nn.ConvTranspose2d(nf, nf, 3, stride=2, padding=1, output_padding=1)

        self.conv_down_a = conv3x3(nf, nf, stride=2)
        self.conv_up_a = up()
        self.conv_down_b = conv3x3(nf, nf, stride=2)
        self.conv_up_b = up()
        self.conv_cat = conv3x3(2 * nf, nf)

    def forward(self, lr: Tensor, reference: Tensor) -> Tensor:
        """(B, nf, H, W) and (B, nf, 2H, 2W) -> (B, nf, 2H, 2W)."""
        detail = torch.relu_(self.conv_down_a(reference)) - lr
        refined = torch.relu_(self.conv_up_a(detail)) + reference
        content = 2.0 * lr - torch.relu_(self.conv_down_b(reference))
        kept = torch.relu_(self.conv_up_b(content))
        return torch.relu_(self.conv_cat(torch.cat((refined, kept), dim=1)))


class Decoder(nn.Module):
    """LR features from coarse to fine, then reference features fused at x1, x2 and x4."""

    def __init__(self, config: MasaConfig) -> None:
        super().__init__()
        nf = config.nf
        x1, x2, x4 = config.fusion_blocks
        self.conv_L3 = conv3x3(nf, nf)
        self.blk_L3 = residual_body(nf, config.lr_blocks)
        self.conv_L2 = conv3x3(2 * nf, nf)
        self.blk_L2 = residual_body(nf, config.lr_blocks)
        self.conv_L1 = conv3x3(2 * nf, nf)
        self.blk_L1 = residual_body(nf, config.lr_blocks)
        self.merge_warp_x1 = conv3x3(2 * nf, nf)
        self.blk_x1 = residual_body(nf, x1)
        self.dram_x2 = DualResidual(nf)
        self.blk_x2 = residual_body(nf, x2)
        self.dram_x4 = DualResidual(nf)
        self.blk_x4 = residual_body(nf, x4)
        self.conv_out = conv3x3(nf, 3)
        self.pAda = SpatialAdaptation(nf)
        """One instance for all three scales."""

    def forward(self, lr: Tensor, levels: Sequence[Tensor], warped: Sequence[Tensor]) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped.

        ``lr`` (B, 3, H, W) in [0, 1]; ``levels`` L1, L2, L3 of the LR image; ``warped`` reference
        features at H, 2H and 4H.
        """
        lr1, lr2, lr3 = levels
        w1, w2, w4 = warped
        x = self.blk_L3(torch.relu_(self.conv_L3(lr3)))
        x = self.blk_L2(torch.relu_(self.conv_L2(torch.cat((enlarge(x), lr2), dim=1))))
        x = self.blk_L1(torch.relu_(self.conv_L1(torch.cat((enlarge(x), lr1), dim=1))))
        x = self.blk_x1(torch.relu_(self.merge_warp_x1(torch.cat((self.pAda(x, w1), x), dim=1))))
        x = self.blk_x2(self.dram_x2(x, self.pAda(enlarge(x), w2)))
        x = self.blk_x4(self.dram_x4(x, self.pAda(enlarge(x), w4)))
        base = F.interpolate(lr, scale_factor=4, mode="bicubic", align_corners=False)
        out: Tensor = self.conv_out(x) + base
        return out
