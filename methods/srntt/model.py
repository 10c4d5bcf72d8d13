"""SRNTT end to end: VGG19 textures, exhaustive matching, swapping and restoration."""

from __future__ import annotations

from torch import Tensor, nn

from refbench.matching import match
from refbench.matching.matcher import Approximation
from refbench.matching.result import Match
from refbench.matching.transfer import swap
from refbench.nets.encoding import EXTRACT_QUERY, EXTRACT_REFERENCE, encode
from refbench.nets.matched import SCALES, ReferenceFeatures
from refbench.nets.needs import MATCH_PASS
from refbench.nets.vgg import LEVELS, TextureFeatures
from refbench.stages import stage
from refbench.tiling import Window, share_mb

from .config import SrnttConfig
from .net import SrnttNet


class SrnttModel(nn.Module):
    """``texture`` (VGG19) and ``restoration`` (the checkpoint). Images are RGB in [0, 1]."""

    def __init__(self, config: SrnttConfig) -> None:
        super().__init__()
        self.config = config
        self.approx: Approximation | None = None
        """Opt-in approximation of the exhaustive search; recall is measured then."""
        self.texture = TextureFeatures(config.channels)
        self.restoration = SrnttNet(config)

    def key(self, name: str, image: Tensor) -> Tensor:
        """relu3_1 of ``image``: what is matched. ``name``: the pass."""
        return encode(name, image, lambda part: self.texture.vgg.levels(part, LEVELS[-1:]), LEVELS[-1:])[0]

    def encode(self, reference: Tensor, blurred: Tensor) -> ReferenceFeatures:
        """Features of a reference (B, 3, H, W) and of its x1/4 x4 version; H, W multiples of 4."""
        with stage("extract"):
            keys = (self.key(EXTRACT_REFERENCE, blurred),)
            return ReferenceFeatures(keys, tuple(encode(EXTRACT_REFERENCE, reference, self.texture)))

    def search(self, upsampled: Tensor, reference: ReferenceFeatures) -> Match:
        """The most similar reference patch of every LR patch."""
        with stage("extract"):
            query = self.key(EXTRACT_QUERY, upsampled)
        with stage("match"):
            key = reference.keys[-1]
            return match(
                query,
                key,
                flavour="srntt",
                reference_valid=reference.valid_at(key),
                valid_over="pixels",
                memory_mb=share_mb(MATCH_PASS),
                approx=self.approx,
            )

    def similarity(self, upsampled: Tensor, reference: ReferenceFeatures) -> Tensor:
        """Best similarities (B, 1, h-2, w-2): how well a reference fits the LR."""
        return self.search(upsampled, reference).similarity

    def restore(self, lr: Tensor, upsampled: Tensor, reference: ReferenceFeatures) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from ``lr`` (B, 3, H, W) and its bicubic x4."""
        found = self.search(upsampled, reference)
        with stage("transfer"):
            weights = self.restoration.texture_transfer.weights(found.similarity)

        def textures(level: int, window: Window) -> Tensor:
            with stage("transfer"):
                swapped = swap(
                    reference.textures[level],
                    found.index[:, 0],
                    found.reference_grid[1],
                    scale=SCALES[level],
                    window=window,
                )
                return swapped if weights is None else swapped * window.of(weights[level])

        out: Tensor = self.restoration(lr, textures)
        return out

    def forward(self, lr: Tensor, upsampled: Tensor, reference: Tensor, blurred: Tensor) -> Tensor:
        """SR; the reference may differ in size from the output, its sides multiples of 4."""
        return self.restore(lr, upsampled, self.encode(reference, blurred))
