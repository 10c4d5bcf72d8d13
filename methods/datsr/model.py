"""DATSR as one module: encoders, matching and restoration; what training optimises and a method runs."""

from __future__ import annotations

from torch import Tensor, nn

from refbench.nets.matched import Correspondences, ReferenceFeatures
from refbench.stages import stage

from .config import DatsrConfig
from .net import DatsrNet
from .photometric import align_colours, colours_moved


class DatsrModel(nn.Module):
    """``correspondences.extractor``, ``correspondences.texture`` and ``restoration`` (``net_g``)."""

    def __init__(self, config: DatsrConfig) -> None:
        super().__init__()
        self.config = config
        self.correspondences = Correspondences(
            config.extractor_channels,
            config.channels,
            config.shared_extractor,
            config.matching,
        )
        self.restoration = DatsrNet(config)

    def restore(
        self, lr: Tensor, upsampled: Tensor, reference: ReferenceFeatures, k: int | None = None
    ) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped; ``k`` overrides the configuration's ``top_k``."""
        matches = self.correspondences.correspond(upsampled, reference, k or self.config.top_k)
        textures = reference.textures
        if self.config.align_colours and reference.image is not None:
            with stage("extract"):
                aligned = align_colours(reference.image, lr, matches[-1])
            if colours_moved(reference.image, aligned):
                # another light had disturbed the matches as well
                reference = self.correspondences.encode(aligned, reference.valid)
                matches = self.correspondences.correspond(upsampled, reference, k or self.config.top_k)
                textures = reference.textures
            else:
                with stage("extract"):
                    textures = self.correspondences.textures(aligned)
        out: Tensor = self.restoration(lr, textures, matches)
        return out

    def forward(self, lr: Tensor, upsampled: Tensor, reference: Tensor) -> Tensor:
        """SR from ``lr`` (B, 3, H, W), its bicubic x4 and the reference image, all in [0, 1].

        H and W must be multiples of ``config.multiple``; the reference's sides multiples of 4.
        """
        return self.restore(lr, upsampled, self.correspondences.encode(reference))
