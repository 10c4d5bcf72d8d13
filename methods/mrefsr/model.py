"""MRefSR as one module: encoders, matching of each reference, and restoration."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from refbench.nets.matched import Correspondences, ReferenceFeatures

from .config import MRefConfig
from .net import MRefNet


class MRefModel(nn.Module):
    """``correspondences.extractor``, ``correspondences.texture`` and ``restoration`` (``net_g``)."""

    def __init__(self, config: MRefConfig) -> None:
        super().__init__()
        self.config = config
        self.correspondences = Correspondences(
            config.extractor_channels, config.channels, config.shared_extractor, trust=config.trust_gate
        )
        self.restoration = MRefNet(config)

    def restore(self, lr: Tensor, upsampled: Tensor, references: Sequence[ReferenceFeatures]) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from one or more references of any sizes."""
        matches = self.correspondences.correspond_each(upsampled, references)
        out: Tensor = self.restoration(lr, [one.textures for one in references], matches)
        return out

    def forward(self, lr: Tensor, upsampled: Tensor, references: Sequence[Tensor]) -> Tensor:
        """SR from ``lr`` (B, 3, H, W), its bicubic x4 and reference images (B, 3, h, w), all in [0, 1].

        The references' sides must be multiples of 4; each may have its own size.
        """
        return self.restore(lr, upsampled, [self.correspondences.encode(one) for one in references])
