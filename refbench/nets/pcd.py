"""EDVR's features and alignment: a pyramid, and deformable convolutions that align it level by level (PCD).

Paper: Wang et al., "EDVR: Video Restoration with Enhanced Deformable Convolutional Networks", CVPRW 2019,
section 3.2. Module names are those of BasicSR's checkpoints. Written from a description of the
architecture; no upstream source was used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.deform import deform_conv
from refbench.nets.deform_gather import gather_aggregate, gathers
from refbench.nets.dyn_agg import TAPS
from refbench.nets.needs import FLOAT, SLACK
from refbench.nets.residual import LEAK
from refbench.nets.vgg import conv3x3
from refbench.tiling import Pass, Window, tiled

ALIGN_PASSES = {3: "align 1/4", 2: "align 1/2", 1: "align"}
CASCADE = "align again"

Pyramid = Sequence[Tensor]
"""Features of one image, (B, C, H, W), (B, C, H/2, W/2), (B, C, H/4, W/4)."""


def lrelu(x: Tensor) -> Tensor:
    """LeakyReLU(0.1), in place."""
    return F.leaky_relu_(x, LEAK)


def enlarge(x: Tensor) -> Tensor:
    """Bilinear x2."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def enlarged_under(x: Tensor, window: Window) -> Tensor:
    """The part of ``enlarge(x)`` under ``window``, without enlarging all of ``x`` (B, C, h, w)."""
    height, width = x.shape[2:]
    if window.covers((2 * height, 2 * width)):
        return enlarge(x)
    # one more pixel on each side that has one: what bilinear sampling at the window's rim reads
    top, left = max(window.top // 2 - 1, 0), max(window.left // 2 - 1, 0)
    bottom, right = min(-(-window.bottom // 2) + 1, height), min(-(-window.right // 2) + 1, width)
    source = Window(top, left, bottom, right)
    return window.within(source.times(2)).of(enlarge(source.of(x)))


class PlainDeform(nn.Module):
    """Modulated deformable convolution whose offsets and masks come from a feature alone (DCNv2 pack)."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.conv_offset = conv3x3(channels, 3 * TAPS * groups)
        nn.init.uniform_(self.weight, -((channels * TAPS) ** -0.5), (channels * TAPS) ** -0.5)
        for parameter in self.conv_offset.parameters():
            nn.init.zeros_(parameter)

    def forward(self, source: Tensor, feature: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """(B, C, H, W) out of ``source`` (B, C, h, w) for ``feature`` (B, C, H, W), whose first pixel is at
        ``origin`` (y, x) of ``source``."""
        raw = self.conv_offset(feature)
        batch, _, height, width = raw.shape
        if gathers(source, raw):
            nowhere = raw.new_zeros(()).expand(batch, TAPS, height, width, 2)
            return gather_aggregate(
                source, raw, nowhere, None, self.weight, self.bias, self.groups, None, True, True, origin
            )
        split = 2 * TAPS * self.groups
        offset, mask = raw[:, :split], torch.sigmoid(raw[:, split:])
        if origin != (0, 0):
            offset = offset + offset.new_tensor(origin).repeat(TAPS * self.groups).view(1, -1, 1, 1)
        return deform_conv(source, offset, mask, self.weight, self.bias, self.groups)


class PCDAlignment(nn.Module):
    """Aligns a neighbour's pyramid to the centre's, coarse to fine, and once more at full size."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        levels = ("l3", "l2", "l1")
        self.offset_conv1 = nn.ModuleDict({n: conv3x3(2 * channels, channels) for n in levels})
        self.offset_conv2 = nn.ModuleDict(
            {n: conv3x3(channels if n == "l3" else 2 * channels, channels) for n in levels}
        )
        self.offset_conv3 = nn.ModuleDict({n: conv3x3(channels, channels) for n in levels[1:]})
        self.dcn_pack = nn.ModuleDict({n: PlainDeform(channels, groups) for n in levels})
        self.feat_conv = nn.ModuleDict({n: conv3x3(2 * channels, channels) for n in levels[1:]})
        self.cas_offset_conv1 = conv3x3(2 * channels, channels)
        self.cas_offset_conv2 = conv3x3(channels, channels)
        self.cas_dcnpack = PlainDeform(channels, groups)

    def forward(self, neighbour: Pyramid, centre: Pyramid) -> Tensor:
        """(B, C, H, W): the finest features of ``neighbour`` where ``centre`` has the same content.

        Each level is a pass of its own: under a memory limit it runs in windows, which read the
        neighbour's whole map, because offsets have no bound.
        """
        offsets: Tensor | None = None
        features: Tensor | None = None
        for level in (3, 2, 1):
            offsets, features = self._level(level, neighbour[level - 1], centre[level - 1], offsets, features)
        assert features is not None
        return self._cascade(features, centre[0])

    def _level(
        self, level: int, own: Tensor, centre: Tensor, below: Tensor | None, aligned: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Offset features and aligned features of one level from those of the coarser one."""
        name = f"l{level}"

        def compute(window: Window) -> list[Tensor]:
            pair = torch.cat([window.of(own), window.of(centre)], dim=1)
            offset = lrelu(self.offset_conv1[name](pair))
            if below is not None:
                # offsets are in pixels of their level, hence the factor
                coarse = enlarged_under(below, window) * 2
                offset = lrelu(self.offset_conv2[name](torch.cat([offset, coarse], dim=1)))
                offset = lrelu(self.offset_conv3[name](offset))
            else:
                offset = lrelu(self.offset_conv2[name](offset))
            feature = self.dcn_pack[name](own, offset, window.origin)
            if aligned is not None:
                coarse = enlarged_under(aligned, window)
                feature = self.feat_conv[name](torch.cat([feature, coarse], dim=1))
            if level > 1:
                feature = F.leaky_relu(feature, LEAK)
            return [offset, feature]

        found = tiled(ALIGN_PASSES[level], (own.shape[2], own.shape[3]), compute, (1, 1))
        return found[0], found[1]

    def _cascade(self, aligned: Tensor, centre: Tensor) -> Tensor:
        def compute(window: Window) -> list[Tensor]:
            pair = torch.cat([window.of(aligned), window.of(centre)], dim=1)
            offset = lrelu(self.cas_offset_conv2(lrelu(self.cas_offset_conv1(pair))))
            return [F.leaky_relu(self.cas_dcnpack(aligned, offset, window.origin), LEAK)]

        return tiled(CASCADE, (aligned.shape[2], aligned.shape[3]), compute)[0]


def align_passes(lr: tuple[int, int], channels: int, groups: int, held: float) -> list[Pass]:
    """The passes of :class:`PCDAlignment` for one neighbour, at its three levels and once more."""
    gathered = 2 * 3 * TAPS * groups + TAPS * channels
    per_pixel = FLOAT * SLACK * (10 * channels + gathered)
    # offset convolutions and the masks' one; above the coarsest level what joins it with the level below
    halos = {3: 3, 2: 5, 1: 5}
    found = []
    for level, name in ALIGN_PASSES.items():
        scale = 2 ** (level - 1)
        found.append(Pass(name, (lr[0] // scale, lr[1] // scale), per_pixel, held, halos[level]))
    return [*found, Pass(CASCADE, lr, per_pixel, held, 4)]
