"""C2-Matching's restoration net: dynamic aggregation of matched textures, level by level.

Paper: Jiang et al., "Robust Reference-based Super-Resolution via C2-Matching", CVPR 2021. Level names
follow the checkpoint: small (LR size, relu3_1), medium (relu2_1), large (relu1_1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.correspondence import LevelMatch
from refbench.nets.dyn_agg import DynamicAggregation
from refbench.nets.layout import fast_layout
from refbench.nets.residual import LEAK, ContentExtractor, leaky, residual_body, upsampler
from refbench.nets.trust import TrustGate, gate_at
from refbench.nets.vgg import conv3x3
from refbench.nets.warp import fit
from refbench.stages import stage

from .config import C2Config

COARSE_TO_FINE = (("small", 2), ("medium", 1), ("large", 0))


class DynamicRestoration(nn.Module):
    """The three levels under the official key ``dyn_agg_restore``."""

    def __init__(self, config: C2Config) -> None:
        super().__init__()
        ngf = config.ngf
        for name, level in COARSE_TO_FINE:
            channels = config.channels[level]
            self.add_module(f"{name}_offset_conv1", conv3x3(ngf + channels, channels))
            self.add_module(f"{name}_offset_conv2", conv3x3(channels, channels))
            self.add_module(f"{name}_dyn_agg", DynamicAggregation(channels, config.groups))
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

    def forward(self, x: Tensor, textures: Sequence[Tensor], matches: Sequence[LevelMatch]) -> Tensor:
        """Residual (B, 3, 4H, 4W) for content features ``x`` (B, ngf, H, W); levels finest first."""
        gate = self.gate(matches)
        for name, level in COARSE_TO_FINE:
            texture = textures[level]
            with stage("transfer"):
                # the unwarped texture, as released: offsets see where the reference has structure
                seen = torch.cat([x, fit(texture, x.shape[2], x.shape[3])], dim=1)
                branch = F.leaky_relu_(self.get_submodule(f"{name}_offset_conv1")(seen), LEAK)
                branch = F.leaky_relu_(self.get_submodule(f"{name}_offset_conv2")(branch), LEAK)
                aggregate = self.get_submodule(f"{name}_dyn_agg")
                gathered = aggregate(texture, branch, matches[level].pre_offset[:, 0], None)
                gathered = F.leaky_relu_(gathered, LEAK)
                if gate is not None:
                    gathered = gathered * gate_at(gate, 4 >> level)
            with stage("restore"):
                head = self.get_submodule(f"head_{name}")(torch.cat([x, gathered], dim=1))
                x = self.get_submodule(f"tail_{name}")(self.get_submodule(f"body_{name}")(head) + x)
        return x


class C2Net(nn.Module):
    """The restoration checkpoint (``net_g``)."""

    def __init__(self, config: C2Config) -> None:
        super().__init__()
        self.config = config
        self.content_extractor = ContentExtractor(config.ngf, config.n_blocks)
        self.dyn_agg_restore = DynamicRestoration(config)

    def forward(self, lr: Tensor, textures: Sequence[Tensor], matches: Sequence[LevelMatch]) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from ``lr`` (B, 3, H, W) in [0, 1]."""
        with stage("restore"):
            base = F.interpolate(lr, scale_factor=4, mode=self.config.base, align_corners=False)
            content = self.content_extractor(fast_layout(lr))
        out: Tensor = self.dyn_agg_restore(content, textures, matches)
        return out + base
