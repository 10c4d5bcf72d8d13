"""MRefSR's fusion of one level: an attention over references at each pixel, then spatial selection.

Names of modules are those of the checkpoint (``dyn_agg_restore.head_<level>``).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.online_softmax import OnlineSoftmax
from refbench.nets.residual import LEAK
from refbench.nets.vgg import conv3x3
from refbench.stages import stage

MULTIPLE = 4
"""The released head works on sides that are multiples of this, continued by reflection."""
LEAST_GATE = 1e-4
"""Below this a gate's logarithm would only grow in size, not in effect."""

Source = Callable[[int], tuple[Tensor, Tensor | None]]
"""Number of a reference -> its texture (B, C, H, W), and its gate (B, 1, H, W) where the net has one."""


def reflected(x: Tensor, rows: int, columns: int) -> Tensor:
    """``x`` continued at the bottom and right by reflection."""
    return F.pad(x, (0, columns, 0, rows), mode="reflect") if rows or columns else x


class MultiReferenceHead(nn.Module):
    """Fuses any number of references into ``width`` channels for a level with C texture channels.

    Paper: Zhang et al., "LMR: A Large-Scale Multi-Reference Dataset for Reference-based Super-Resolution",
    CVPR 2023 (its MAM and SAFM).
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        double = 2 * channels
        self.scale: float = channels**-0.5
        self.conv_emb1 = nn.Sequential(nn.Conv2d(width, channels, 1), nn.PReLU())
        self.conv_emb2 = nn.Sequential(conv3x3(channels, channels), nn.PReLU())
        self.conv_ass = conv3x3(channels, double)
        self.spatial_attn = nn.Conv2d(width + double, double, 1)
        self.spatial_attn_mul1 = conv3x3(double, double)
        self.spatial_attn_mul2 = conv3x3(double, double)
        self.spatial_attn_add1 = conv3x3(double, double)
        self.spatial_attn_add2 = conv3x3(double, double)
        self.feat_fusion = nn.Conv2d(width + double, width, 1)

    def score(self, embedded_x: Tensor, embedded_source: Tensor) -> Tensor:
        """How well a reference suits each pixel, before the softmax: (B, 1, H, W)."""
        product: Tensor = (embedded_x * embedded_source).sum(dim=1, keepdim=True)
        return product * self.scale

    def fused(self, x: Tensor, count: int, source: Source, missing: tuple[int, int]) -> Tensor:
        """Features (B, 2C, H + rows, W + columns) of ``count`` references, mixed pixel by pixel.

        References are made one after the other by ``source``. With one reference its weight is 1 whatever
        the embeddings say, so they are not computed.
        """
        mixture = OnlineSoftmax()
        with stage("restore"):
            query = self.conv_emb1(x) if count > 1 else None
        for number in range(count):
            texture, gate = source(number)
            with stage("restore"):
                texture = reflected(texture, *missing)
                value: Tensor = self.conv_ass(texture)
                if query is None:
                    return value
                score = self.score(query, self.conv_emb2(texture))
                if gate is not None:
                    score = score + reflected(gate, *missing).clamp(min=LEAST_GATE).log()
                mixture.add(score, value)
        mixed = mixture.mixed()
        if mixed is None:
            raise ValueError("a head needs at least one reference")
        return mixed

    def forward(self, x: Tensor, count: int, source: Source, missing: tuple[int, int]) -> Tensor:
        """(B, width, H, W) from LR features ``x`` of the same shape and ``count`` references.

        ``missing``: rows and columns by which the level's sides fall short of a multiple of four, where ``x``
        reaches the level's bottom and right; 0 elsewhere. They are continued by reflection and cut again.
        """
        height, width = x.shape[2:]
        grown = reflected(x, *missing)
        mixed = self.fused(grown, count, source, missing)
        with stage("restore"):
            seen = F.leaky_relu_(self.spatial_attn(torch.cat([grown, mixed], dim=1)), LEAK)
            gain = torch.sigmoid(self.spatial_attn_mul2(F.leaky_relu_(self.spatial_attn_mul1(seen), LEAK)))
            shift = self.spatial_attn_add2(F.leaky_relu_(self.spatial_attn_add1(seen), LEAK))
            mixed = mixed * gain * 2 + shift
            out = F.leaky_relu(self.feat_fusion(torch.cat([grown, mixed], dim=1)), LEAK)
        return out[:, :, :height, :width]
