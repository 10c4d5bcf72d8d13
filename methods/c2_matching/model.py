"""C2-Matching as one module: encoders, matching and restoration."""

from __future__ import annotations

from torch import Tensor, nn

from refbench.nets.matched import Correspondences, ReferenceFeatures

from .config import C2Config
from .net import C2Net


class C2Model(nn.Module):
    """``correspondences.extractor``, ``correspondences.texture`` and ``restoration`` (``net_g``)."""

    def __init__(self, config: C2Config) -> None:
        super().__init__()
        self.config = config
        self.correspondences = Correspondences(
            config.extractor_channels, config.channels, config.shared_extractor, trust=config.trust_gate
        )
        self.restoration = C2Net(config)

    def restore(self, lr: Tensor, upsampled: Tensor, reference: ReferenceFeatures) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped."""
        out: Tensor = self.restoration(
            lr, reference.textures, self.correspondences.correspond(upsampled, reference)
        )
        return out

    def forward(self, lr: Tensor, upsampled: Tensor, reference: Tensor) -> Tensor:
        """SR from ``lr`` (B, 3, H, W), its bicubic x4 and the reference image, all in [0, 1].

        The reference's sides must be multiples of 4.
        """
        return self.restore(lr, upsampled, self.correspondences.encode(reference))
