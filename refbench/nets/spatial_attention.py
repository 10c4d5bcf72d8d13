"""The spatial half of EDVR's TSA: a pyramid attention over fused features.

Paper: Wang et al., EDVR, CVPRW 2019, section 3.3. Module names are those of BasicSR's checkpoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.pcd import enlarge, lrelu
from refbench.nets.vgg import conv3x3

REACH = 24
"""LR pixels that the attention and one convolution before it see: 21 through two pools, two enlargements and
the convolutions."""


def conv1x1(inputs: int, outputs: int) -> nn.Conv2d:
    """1x1 convolution with bias."""
    return nn.Conv2d(inputs, outputs, 1)


def pooled(x: Tensor) -> Tensor:
    """Maximum and mean over 3x3 at every second pixel, concatenated: (B, C, H, W) -> (B, 2C, H/2, W/2)."""
    # zeros beyond the border count in the mean, as released
    return torch.cat([F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1)], dim=1)


class SpatialAttention(nn.Module):
    """Fuses ``inputs`` channels into ``channels`` and weighs every value by what its surroundings show.

    The base of EDVR's ``fusion``: subclasses add how frames or references are weighed before it.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.feat_fusion = conv1x1(inputs, channels)
        self.spatial_attn1 = conv1x1(inputs, channels)
        self.spatial_attn2 = conv1x1(2 * channels, channels)
        self.spatial_attn_l1 = conv1x1(channels, channels)
        self.spatial_attn_l2 = conv3x3(2 * channels, channels)
        self.spatial_attn_l3 = conv3x3(channels, channels)
        self.spatial_attn3 = conv3x3(channels, channels)
        self.spatial_attn4 = conv1x1(channels, channels)
        self.spatial_attn5 = conv3x3(channels, channels)
        self.spatial_attn_add1 = conv1x1(channels, channels)
        self.spatial_attn_add2 = conv1x1(channels, channels)

    def attend(self, stacked: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, channels, H, W); H and W multiples of 4."""
        feature = lrelu(self.feat_fusion(stacked))
        attention = lrelu(self.spatial_attn1(stacked))
        attention = lrelu(self.spatial_attn2(pooled(attention)))
        coarse = lrelu(self.spatial_attn_l1(attention))
        coarse = lrelu(self.spatial_attn_l2(pooled(coarse)))
        coarse = enlarge(lrelu(self.spatial_attn_l3(coarse)))
        attention = lrelu(self.spatial_attn3(attention)) + coarse
        attention = enlarge(lrelu(self.spatial_attn4(attention)))
        attention = self.spatial_attn5(attention)
        added = self.spatial_attn_add2(lrelu(self.spatial_attn_add1(attention)))
        out: Tensor = feature * torch.sigmoid(attention) * 2 + added
        return out
