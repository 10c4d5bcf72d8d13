"""edvr_ref: EDVR's local alignment (PCD) with HR references and a fusion of any number of them.

After Wang et al., "EDVR", CVPRW 2019. Its own: references enter at HR through the stride-2 stem that EDVR
has for inputs of HR size, and TSA's temporal half becomes a masked softmax over references times a gate.
No weights of EDVR fit; the net is trained here. Nothing is searched: what PCD's offsets do not reach is
not found.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from refbench.nets.edvr_trunk import EXTRACT_REFERENCE, FUSE, EdvrTrunk
from refbench.nets.online_softmax import OnlineSoftmax
from refbench.nets.pcd import Pyramid, lrelu
from refbench.nets.spatial_attention import SpatialAttention
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Window, tiled

from .config import EdvrRefConfig

MASKED = -1e9
"""Score of a reference that is not there."""


class ReferenceFusion(SpatialAttention):
    """Weighs aligned references by their agreement with the LR features, then EDVR's spatial attention."""

    def __init__(self, channels: int) -> None:
        super().__init__(2 * channels, channels)
        self.scale: float = channels**-0.5
        self.temporal_attn1 = conv3x3(channels, channels)
        self.temporal_attn2 = conv3x3(channels, channels)

    def score(self, embedded: Tensor, aligned: Tensor) -> Tensor:
        """Agreement (B, 1, H, W) of an aligned reference with the embedded LR features, (B, C, H, W) each."""
        product: Tensor = self.temporal_attn2(aligned) * embedded
        return product.sum(dim=1, keepdim=True) * self.scale


class EdvrRefNet(EdvrTrunk):
    """The whole net. Its tensors do not depend on the number of references."""

    def __init__(self, config: EdvrRefConfig) -> None:
        channels = config.channels
        super().__init__(
            channels, channels, config.groups, config.extract_blocks, config.restore_blocks, config.base
        )
        self.config = config
        self.ref_first_1 = conv3x3(3, channels)
        self.ref_first_2 = conv3x3(channels, channels, stride=2)
        self.ref_first_3 = conv3x3(channels, channels, stride=2)
        self.fusion = ReferenceFusion(channels)

    def encode_reference(self, reference: Tensor) -> Pyramid:
        """Pyramid of ``reference`` (B, 3, 4H, 4W) in [0, 1], sides multiples of 16."""

        def stem(part: Tensor) -> Tensor:
            return lrelu(self.ref_first_3(lrelu(self.ref_first_2(lrelu(self.ref_first_1(part))))))

        return self.encoded(EXTRACT_REFERENCE, reference, 4, stem)

    def fused(self, centre: Pyramid, references: Sequence[Pyramid], valid: Tensor | None = None) -> Tensor:
        """Features (B, C, H, W) of the LR image, ``centre``, and of any number of references, also none.

        ``valid`` (B, K) bool: which references exist; None: all.
        """
        own = centre[0]
        mixture = OnlineSoftmax()
        embedded = self.fusion.temporal_attn1(own)
        for k, reference in enumerate(references):
            with stage("transfer"):
                aligned = self.pcd_align(reference, centre)
                score = self.fusion.score(embedded, aligned)
                texture = aligned * torch.sigmoid(score)
                if valid is not None:
                    here = valid[:, k, None, None, None]
                    score, texture = score.masked_fill(~here, MASKED), texture * here
                mixture.add(score, texture)
        mixed = mixture.mixed()
        if mixed is None:
            mixed = torch.zeros_like(own)

        def compute(window: Window) -> list[Tensor]:
            return [self.fusion.attend(torch.cat([window.of(own), window.of(mixed)], dim=1))]

        with stage("transfer"):
            return tiled(FUSE, (own.shape[2], own.shape[3]), compute)[0]

    def restore(self, lr: Tensor, references: Sequence[Pyramid], valid: Tensor | None = None) -> Tensor:
        """SR (B, 3, 4H, 4W) from ``lr`` and the pyramids of its references."""
        return self.reconstruct(lr, self.fused(self.encode_lr(lr), references, valid))

    def forward(self, lr: Tensor, references: Sequence[Tensor], valid: Tensor | None = None) -> Tensor:
        """SR, not clamped, from ``lr`` (B, 3, H, W) and references (B, 3, 4H, 4W) in [0, 1]; H, W multiples
        of 4. ``valid`` (B, K) bool says which references exist."""
        return self.restore(lr, [self.encode_reference(one) for one in references], valid)
