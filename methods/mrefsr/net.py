"""MRefSR's restoration net: C2-Matching's levels with a fusion of any number of references in each.

Paper: Zhang et al., "LMR: A Large-Scale Multi-Reference Dataset for Reference-based Super-Resolution",
CVPR 2023. Level names follow the checkpoint: small (LR size, relu3_1), medium (relu2_1), large (relu1_1).
Written from a description of the architecture; no upstream source was used.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from refbench.nets.correspondence import LevelMatch
from refbench.nets.dynamic_level import add_transfer, transfer
from refbench.nets.residual import ContentExtractor, leaky, residual_body, upsampler
from refbench.nets.three_levels import COARSE_TO_FINE, content_and_base, three_levels
from refbench.nets.trust import TrustGate, gate_at
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Window

from .config import MRefConfig
from .head import MULTIPLE, MultiReferenceHead

Textures = Sequence[Tensor]
"""Of one reference, finest first."""
Matches = Sequence[LevelMatch]
"""Of one reference, finest first."""


def missing_at(window: Window, size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns to continue a window of a level of ``size`` by; see MultiReferenceHead."""
    rows, columns = (-side % MULTIPLE for side in size)
    return (rows if window.bottom == size[0] else 0, columns if window.right == size[1] else 0)


class MultiReferenceRestoration(nn.Module):
    """The three levels under the official key ``dyn_agg_restore``."""

    def __init__(self, config: MRefConfig) -> None:
        super().__init__()
        ngf = config.ngf
        for name, level in COARSE_TO_FINE:
            channels = config.channels[level]
            add_transfer(self, name, ngf, channels, config.groups)
            self.add_module(f"head_{name}", MultiReferenceHead(ngf, channels))
            self.add_module(f"body_{name}", residual_body(ngf, config.level_blocks[level]))
        self.trust_gate = TrustGate() if config.trust_gate else None
        self.tail_small = upsampler(ngf, ngf)
        self.tail_medium = upsampler(ngf, ngf)
        self.tail_large = nn.Sequential(conv3x3(ngf, max(ngf // 2, 1)), leaky(), conv3x3(max(ngf // 2, 1), 3))

    def heads(self) -> dict[str, MultiReferenceHead]:
        """The fusion of each level, by the level's name."""
        found = {name: self.get_submodule(f"head_{name}") for name, _ in COARSE_TO_FINE}
        return {name: head for name, head in found.items() if isinstance(head, MultiReferenceHead)}

    def gates(self, matches: Sequence[Matches]) -> list[Tensor] | None:
        """The trust gate (B, 1, H, W) of each reference at LR scale, where the net has one."""
        if self.trust_gate is None:
            return None
        found = []
        for one in matches:
            trust = one[-1].confidence
            if trust is None:
                raise ValueError("trust_gate needs matches with their trust: Correspondences(trust=True)")
            with stage("transfer"):
                found.append(self.trust_gate(trust[:, 0]))
        return found

    def forward(self, x: Tensor, textures: Sequence[Textures], matches: Sequence[Matches]) -> Tensor:
        """Residual (B, 3, 4H, 4W) for content features ``x`` (B, ngf, H, W).

        ``textures``, ``matches``: of each reference. Each level is a pass of its own: under a memory limit
        it runs in windows (see tiling.py). References follow each other within a level, so that the next
        level starts from all of them.
        """
        gates = self.gates(matches)
        size = (x.shape[2], x.shape[3])

        def one_level(name: str, level: int, x: Tensor, window: Window) -> Tensor:
            factor = 4 >> level

            def source(number: int) -> tuple[Tensor, Tensor | None]:
                with stage("transfer"):
                    gate = None if gates is None else window.of(gate_at(gates[number], factor))
                    seen = matches[number][level].under(window)
                    gathered = transfer(self, name, x, textures[number][level], seen)
                    return (gathered if gate is None else gathered * gate), gate

            missing = missing_at(window, (size[0] * factor, size[1] * factor))
            fused = self.get_submodule(f"head_{name}")(x, len(textures), source, missing)
            with stage("restore"):
                out: Tensor = self.get_submodule(f"body_{name}")(fused) + x
            return out

        return three_levels(self, x, one_level)


class MRefNet(nn.Module):
    """The restoration checkpoint (``net_g``)."""

    def __init__(self, config: MRefConfig) -> None:
        super().__init__()
        self.config = config
        self.content_extractor = ContentExtractor(config.ngf, config.n_blocks)
        self.dyn_agg_restore = MultiReferenceRestoration(config)

    def forward(self, lr: Tensor, textures: Sequence[Textures], matches: Sequence[Matches]) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from ``lr`` (B, 3, H, W) in [0, 1] and one or more references."""
        content, base = content_and_base(self.content_extractor, lr, self.config.base)
        out: Tensor = self.dyn_agg_restore(content, textures, matches)
        return out + base
