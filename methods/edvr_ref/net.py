"""edvr_ref: EDVR's local alignment (PCD) with HR references and a fusion of any number of them.

After Wang et al., "EDVR", CVPRW 2019. Its own: references enter at HR through the stride-2 stem that EDVR
has for inputs of HR size, and TSA's temporal half becomes a masked softmax over references times a gate.
No weights of EDVR fit; the net is trained here. Nothing is searched: what PCD's offsets do not reach is
not found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.layout import fast_layout
from refbench.nets.online_softmax import OnlineSoftmax
from refbench.nets.pcd import PCDAlignment, Pyramid, lrelu
from refbench.nets.residual import residual_body
from refbench.nets.spatial_attention import SpatialAttention
from refbench.nets.vgg import conv3x3
from refbench.stages import stage
from refbench.tiling import Window, tiled

from .config import EdvrRefConfig

MULTIPLE = 4
"""LR sides are multiples of this: two levels below the finest."""
EXTRACT_LR, EXTRACT_REFERENCE = "extract lr", "extract reference"
FUSE, RESTORE = "fuse", "restore"
MASKED = -1e9
"""Score of a reference that is not there."""


class ReferenceFusion(SpatialAttention):
    """Weighs aligned references by their agreement with the LR features, then EDVR's spatial attention."""

    def __init__(self, channels: int) -> None:
        super().__init__(2 * channels, channels)
        self.channels = channels
        self.temporal_attn1 = conv3x3(channels, channels)
        self.temporal_attn2 = conv3x3(channels, channels)

    def score(self, embedded: Tensor, aligned: Tensor) -> Tensor:
        """Agreement (B, 1, H, W) of an aligned reference with the embedded LR features, (B, C, H, W) each."""
        found: Tensor = (self.temporal_attn2(aligned) * embedded).sum(dim=1, keepdim=True)
        return found * self.channels**-0.5


class EdvrRefNet(nn.Module):
    """The whole net. Its tensors do not depend on the number of references."""

    def __init__(self, config: EdvrRefConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.conv_first = conv3x3(3, channels)
        self.ref_first_1 = conv3x3(3, channels)
        self.ref_first_2 = conv3x3(channels, channels, stride=2)
        self.ref_first_3 = conv3x3(channels, channels, stride=2)
        self.feature_extraction = residual_body(channels, config.extract_blocks)
        self.conv_l2_1 = conv3x3(channels, channels, stride=2)
        self.conv_l2_2 = conv3x3(channels, channels)
        self.conv_l3_1 = conv3x3(channels, channels, stride=2)
        self.conv_l3_2 = conv3x3(channels, channels)
        self.pcd_align = PCDAlignment(channels, config.groups)
        self.fusion = ReferenceFusion(channels)
        self.reconstruction = residual_body(channels, config.restore_blocks)
        self.upconv1 = conv3x3(channels, 4 * channels)
        self.upconv2 = conv3x3(channels, 4 * channels)
        self.conv_hr = conv3x3(channels, channels)
        self.conv_last = conv3x3(channels, 3)

    def pyramid(self, finest: Tensor) -> list[Tensor]:
        """Three levels of features from the output of a stem, (B, C, H, W)."""
        level1 = self.feature_extraction(finest)
        level2 = lrelu(self.conv_l2_2(lrelu(self.conv_l2_1(level1))))
        return [level1, level2, lrelu(self.conv_l3_2(lrelu(self.conv_l3_1(level2))))]

    def encode_lr(self, lr: Tensor) -> Pyramid:
        """Pyramid of ``lr`` (B, 3, H, W) in [0, 1], sides multiples of 4."""
        return self._encoded(EXTRACT_LR, lr, 1, lambda part: lrelu(self.conv_first(part)))

    def encode_reference(self, reference: Tensor) -> Pyramid:
        """Pyramid of ``reference`` (B, 3, 4H, 4W) in [0, 1], sides multiples of 16."""

        def stem(part: Tensor) -> Tensor:
            return lrelu(self.ref_first_3(lrelu(self.ref_first_2(lrelu(self.ref_first_1(part))))))

        return self._encoded(EXTRACT_REFERENCE, reference, 4, stem)

    def _encoded(self, name: str, image: Tensor, factor: int, stem: Callable[[Tensor], Tensor]) -> Pyramid:
        """``factor``: image pixels per pixel of the finest level. Windows are cut on the coarsest."""
        cell = MULTIPLE * factor

        def compute(window: Window) -> Pyramid:
            return self.pyramid(stem(fast_layout(window.times(cell).of(image))))

        with stage("extract"):
            return tiled(name, (image.shape[2] // cell, image.shape[3] // cell), compute, (4, 2, 1))

    def fused(self, centre: Pyramid, references: Sequence[Pyramid], valid: Tensor | None = None) -> Tensor:
        """Features (B, C, H, W) of the LR image, ``centre``, and of any number of references, also none.

        ``valid`` (B, K) bool: which references exist; None: all.
        """
        own = centre[0]
        mixture = OnlineSoftmax()
        embedded = self.fusion.temporal_attn1(own) if references else None
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

    def restored(self, lr: Tensor, fused: Tensor) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from fused features (B, C, H, W)."""

        def compute(window: Window) -> list[Tensor]:
            x = self.reconstruction(window.of(fused))
            x = lrelu(F.pixel_shuffle(self.upconv1(x), 2))
            x = lrelu(F.pixel_shuffle(self.upconv2(x), 2))
            return [self.conv_last(lrelu(self.conv_hr(x)))]

        with stage("restore"):
            (out,) = tiled(RESTORE, (lr.shape[2], lr.shape[3]), compute, (4,))
            return out + F.interpolate(lr, scale_factor=4, mode=self.config.base, align_corners=False)

    def restore(self, lr: Tensor, references: Sequence[Pyramid], valid: Tensor | None = None) -> Tensor:
        """SR (B, 3, 4H, 4W) from ``lr`` and the pyramids of its references."""
        return self.restored(lr, self.fused(self.encode_lr(lr), references, valid))

    def forward(self, lr: Tensor, references: Sequence[Tensor], valid: Tensor | None = None) -> Tensor:
        """SR, not clamped, from ``lr`` (B, 3, H, W) and references (B, 3, 4H, 4W) in [0, 1]; H, W multiples
        of 4. ``valid`` (B, K) bool says which references exist."""
        return self.restore(lr, [self.encode_reference(one) for one in references], valid)
