"""TTSR's restoration net (MainNet) and the class that a checkpoint is a state_dict of.

Paper: Yang et al., "Learning Texture Transformer Network for Image Super-Resolution", CVPR 2020.
Images are in [-1, 1] here; the extractor takes [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.layout import fast_layout
from refbench.nets.residual import residual_body
from refbench.nets.trust import TrustGate
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Window, tiled

from .config import TtsrConfig
from .exchange import ExchangeThree, ExchangeTwo, MergeTail, enlarge
from .lte import TextureExtractor

LEVEL1, LEVEL2, LEVEL3 = "level 1", "level 2", "level 3"
Textures = Callable[[int, Window], Tensor]
"""(level, finest is 0; window of LR pixels) -> texture transferred to that window."""


class ShallowFeatures(nn.Module):
    """SFE: ReLU(conv_head), residual blocks, conv_tail, and the head's output added."""

    def __init__(self, config: TtsrConfig) -> None:
        super().__init__()
        n = config.n_feats
        self.conv_head = conv3x3(3, n)
        self.RBs = residual_body(n, config.blocks[0], config.res_scale)
        self.conv_tail = conv3x3(n, n)

    def forward(self, lr: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, n, H, W)."""
        head = torch.relu_(self.conv_head(fast_layout(lr)))
        out: Tensor = self.conv_tail(self.RBs(head)) + head
        return out


class MainNet(nn.Module):
    """Texture fused at three levels, exchanged across scales (CSFI), merged at HR size."""

    def __init__(self, config: TtsrConfig) -> None:
        super().__init__()
        n, scale = config.n_feats, config.res_scale
        t1, t2, t3 = config.lte_channels
        _, level1, level2, level3 = config.blocks
        self.clamp, self.base = config.clamp, config.base
        self.SFE = ShallowFeatures(config)
        self.conv11_head = conv3x3(n + t3, n)
        self.RB11 = residual_body(n, level1, scale)
        self.conv11_tail = conv3x3(n, n)
        self.conv12 = conv3x3(n, 4 * n)
        self.ps12 = nn.PixelShuffle(2)
        self.conv22_head = conv3x3(n + t2, n)
        self.ex12 = ExchangeTwo(n)
        self.RB21 = residual_body(n, level2, scale)
        self.RB22 = residual_body(n, level2, scale)
        self.conv21_tail = conv3x3(n, n)
        self.conv22_tail = conv3x3(n, n)
        self.conv23 = conv3x3(n, 4 * n)
        self.ps23 = nn.PixelShuffle(2)
        self.conv33_head = conv3x3(n + t1, n)
        self.ex123 = ExchangeThree(n)
        self.RB31 = residual_body(n, level3, scale)
        self.RB32 = residual_body(n, level3, scale)
        self.RB33 = residual_body(n, level3, scale)
        self.conv31_tail = conv3x3(n, n)
        self.conv32_tail = conv3x3(n, n)
        self.conv33_tail = conv3x3(n, n)
        self.merge_tail = MergeTail(n)

    def level1(self, lr: Tensor, relevance: Tensor, t3: Tensor) -> Tensor:
        """Texture at LR size fused into the shallow features: (B, n, H, W)."""
        x = self.SFE(lr)
        x11 = x + self.conv11_head(torch.cat((x, t3), dim=1)) * relevance
        out: Tensor = x11 + self.conv11_tail(self.RB11(x11))
        return out

    def level2(self, x11: Tensor, relevance: Tensor, t2: Tensor) -> tuple[Tensor, Tensor]:
        """Features at H and 2H after the exchange between the two."""
        x22 = torch.relu(self.ps12(self.conv12(x11)))
        x22 = x22 + self.conv22_head(torch.cat((x22, t2), dim=1)) * enlarge(relevance, 2)
        x21_res, x22_res = self.ex12(x11, x22)
        x21 = x11 + self.conv21_tail(self.RB21(x21_res))
        return x21, x22 + self.conv22_tail(self.RB22(x22_res))

    def level3(self, lr: Tensor, x21: Tensor, x22: Tensor, relevance: Tensor, t1: Tensor) -> Tensor:
        """SR from features at H and 2H, and texture at HR size."""
        x33 = torch.relu(self.ps23(self.conv23(x22)))
        x33 = x33 + self.conv33_head(torch.cat((x33, t1), dim=1)) * enlarge(relevance, 4)
        x31_res, x32_res, x33_res = self.ex123(x21, x22, x33)
        x31 = x21 + self.conv31_tail(self.RB31(x31_res))
        x32 = x22 + self.conv32_tail(self.RB32(x32_res))
        x33 = x33 + self.conv33_tail(self.RB33(x33_res))
        out: Tensor = self.merge_tail(x31, x32, x33)
        if self.base != "none":
            out = out + F.interpolate(lr, scale_factor=4, mode=self.base, align_corners=False)
        return out.clamp(-1, 1) if self.clamp else out

    def forward(self, lr: Tensor, relevance: Tensor, textures: Sequence[Tensor]) -> Tensor:
        """SR (B, 3, 4H, 4W) in [-1, 1].

        ``lr`` (B, 3, H, W) in [-1, 1]; ``relevance`` S (B, 1, H, W), the cosine similarity of the
        best patch; ``textures`` T1, T2, T3, transferred at HR, HR/2 and HR/4, finest first.
        """
        return self.restore(lr, relevance, lambda level, part: part.times(4 >> level).of(textures[level]))

    def restore(self, lr: Tensor, relevance: Tensor, textures: Textures) -> Tensor:
        """The same with textures that are made for a window when they are needed. Each level is a pass of
        its own: under a memory limit it runs in windows (see tiling.py)."""

        def level1(window: Window) -> list[Tensor]:
            texture = textures(2, window)
            with stage("restore"):
                return [self.level1(window.of(lr), window.of(relevance), texture)]

        def level2(window: Window) -> tuple[Tensor, Tensor]:
            texture = textures(1, window)
            with stage("restore"):
                return self.level2(window.of(x11), window.of(relevance), texture)

        def level3(window: Window) -> list[Tensor]:
            texture = textures(0, window)
            with stage("restore"):
                fine = window.times(2).of(x22)
                return [self.level3(window.of(lr), window.of(x21), fine, window.of(relevance), texture)]

        size = (lr.shape[2], lr.shape[3])
        (x11,) = tiled(LEVEL1, size, level1)
        x21, x22 = tiled(LEVEL2, size, level2, (1, 2))
        (out,) = tiled(LEVEL3, size, level3, (4,))
        return out


class TtsrNet(nn.Module):
    """What a TTSR checkpoint holds: ``MainNet.*`` and ``LTE.*``, 316 tensors.

    The class in the official code has 12 more (``LTE_copy``, a frozen copy for its training loss),
    which no checkpoint contains.
    """

    def __init__(self, config: TtsrConfig) -> None:
        super().__init__()
        self.config = config
        self.MainNet = MainNet(config)
        self.LTE = TextureExtractor(config)
        self.trust_gate = TrustGate() if config.trust_gate else None
