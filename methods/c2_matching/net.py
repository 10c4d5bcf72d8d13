"""C2-Matching's restoration net: dynamic aggregation of matched textures, level by level.

Paper: Jiang et al., "Robust Reference-based Super-Resolution via C2-Matching", CVPR 2021. Level names
follow the checkpoint: small (LR size, relu3_1), medium (relu2_1), large (relu1_1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from refbench.nets.correspondence import LevelMatch
from refbench.nets.dynamic_level import add_transfer, transfer
from refbench.nets.residual import ContentExtractor, leaky, residual_body, upsampler
from refbench.nets.three_levels import COARSE_TO_FINE, content_and_base, three_levels
from refbench.nets.trust import TrustGate, gate_at
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Window

from .config import C2Config


class DynamicRestoration(nn.Module):
    """The three levels under the official key ``dyn_agg_restore``."""

    def __init__(self, config: C2Config) -> None:
        super().__init__()
        ngf = config.ngf
        for name, level in COARSE_TO_FINE:
            channels = config.channels[level]
            add_transfer(self, name, ngf, channels, config.groups)
            self.add_module(f"head_{name}", nn.Sequential(conv3x3(ngf + channels, ngf), leaky()))
            self.add_module(f"body_{name}", residual_body(ngf, config.level_blocks[level]))
        self.trust_gate = TrustGate() if config.trust_gate else None
        self.tail_small = upsampler(ngf, ngf)
        self.tail_medium = upsampler(ngf, ngf)
        self.tail_large = nn.Sequential(conv3x3(ngf, max(ngf // 2, 1)), leaky(), conv3x3(max(ngf // 2, 1), 3))

    def gate(self, matches: Sequence[LevelMatch]) -> Tensor | None:
        """The trust gate (B, 1, H, W) at LR scale, where the net has one."""
        if self.trust_gate is None:
            return None
        trust = matches[-1].confidence
        if trust is None:
            raise ValueError("trust_gate needs matches with their trust: Correspondences(trust=True)")
        with stage("transfer"):
            gate: Tensor = self.trust_gate(trust[:, 0])
        return gate

    def transfer(
        self, name: str, x: Tensor, texture: Tensor, match: LevelMatch, gate: Tensor | None
    ) -> Tensor:
        """Texture (B, C, H, W) gathered for ``x`` (B, ngf, H, W), times ``gate`` (B, 1, H, W)."""
        gathered = transfer(self, name, x, texture, match)
        return gathered if gate is None else gathered * gate

    def forward(self, x: Tensor, textures: Sequence[Tensor], matches: Sequence[LevelMatch]) -> Tensor:
        """Residual (B, 3, 4H, 4W) for content features ``x`` (B, ngf, H, W); levels finest first.

        Each level is a pass of its own: under a memory limit it runs in windows (see tiling.py).
        """
        gate = self.gate(matches)
        gates = [None if gate is None else gate_at(gate, 4 >> level) for level in range(3)]

        def one_level(name: str, level: int, x: Tensor, window: Window) -> Tensor:
            part = gates[level]
            with stage("transfer"):
                seen = matches[level].under(window)
                closed = None if part is None else window.of(part)
                gathered = self.transfer(name, x, textures[level], seen, closed)
            with stage("restore"):
                head = self.get_submodule(f"head_{name}")(torch.cat([x, gathered], dim=1))
                out: Tensor = self.get_submodule(f"body_{name}")(head) + x
            return out

        return three_levels(self, x, one_level)


class C2Net(nn.Module):
    """The restoration checkpoint (``net_g``)."""

    def __init__(self, config: C2Config) -> None:
        super().__init__()
        self.config = config
        self.content_extractor = ContentExtractor(config.ngf, config.n_blocks)
        self.dyn_agg_restore = DynamicRestoration(config)

    def forward(self, lr: Tensor, textures: Sequence[Tensor], matches: Sequence[LevelMatch]) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from ``lr`` (B, 3, H, W) in [0, 1]."""
        content, base = content_and_base(self.content_extractor, lr, self.config.base)
        out: Tensor = self.dyn_agg_restore(content, textures, matches)
        return out + base
