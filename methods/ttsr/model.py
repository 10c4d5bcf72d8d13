"""TTSR end to end: texture extractor, hard matching, transfer and MainNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.matching import match
from refbench.matching.matcher import Approximation
from refbench.matching.offsets import index_to_flow
from refbench.matching.transfer import transfer
from refbench.nets.encoding import EXTRACT_QUERY, EXTRACT_REFERENCE, encode
from refbench.nets.needs import MATCH_PASS, TRUST_PASS
from refbench.nets.several import join_levels, join_maps, join_valid
from refbench.nets.trust import trust_map
from refbench.nets.vgg import LEVELS
from refbench.stages import stage
from refbench.tiling import Window, share_mb, tiled

from .config import TtsrConfig
from .net import TtsrNet

SCALES = (4, 2, 1)
"""Pixels of each texture level, finest first, per pixel of relu3_1."""


@dataclass(frozen=True)
class ReferenceTextures:
    """What TTSR needs of one reference; reusable for every LR that shares it."""

    key: Tensor
    """K: relu3_1 of the reference shrunk and enlarged again, (B, C, h, w)."""
    values: tuple[Tensor, Tensor, Tensor]
    """V1, V2, V3: relu1_1, relu2_1, relu3_1 of the reference itself."""
    valid: Tensor | None = None
    """(h, w) bool over the patches of ``key`` that may be matched; None: all of them."""


def join_textures(several: Sequence[ReferenceTextures]) -> ReferenceTextures:
    """Several references as one whose seams cannot be matched; a single one as it is.

    The zeros between them are what a patch at a reference's rim sees anyway (TTSR pads with zeros).
    """
    if len(several) == 1:
        return several[0]
    keys = [one.key for one in several]
    values = join_levels([one.values for one in several])
    valid = join_valid([(key.shape[-2], key.shape[-1]) for key in keys], keys[0].device)
    return ReferenceTextures(join_maps(keys, 1), (values[0], values[1], values[2]), valid)


def relevance_at(query: Tensor, key: Tensor, index: Tensor) -> Tensor:
    """S (B, 1, H, W) with gradients: cosine similarity of the patches that ``index`` (B, H, W) pairs.

    The streamed matcher records no gradients; TTSR trains its extractor through S as well as V.
    """
    patches = F.normalize(F.unfold(query, 3, padding=1), dim=1)
    keys = F.normalize(F.unfold(key, 3, padding=1), dim=1)
    chosen = keys.gather(2, index.reshape(index.shape[0], 1, -1).expand(-1, keys.shape[1], -1))
    return (patches * chosen).sum(dim=1).view(index.shape[0], 1, *index.shape[1:])


class TtsrModel(TtsrNet):
    """The checkpoint's modules and the way through them. Images are in [-1, 1]."""

    def __init__(self, config: TtsrConfig) -> None:
        super().__init__(config)
        self.approx: Approximation | None = None
        """Opt-in approximation of the exhaustive search; recall is measured then."""

    def encode(
        self, reference: Tensor, reference_blurred: Tensor, valid: Tensor | None = None
    ) -> ReferenceTextures:
        """Features of a reference (B, 3, H, W) and of its x1/4 x4 version; H, W multiples of 4."""
        with stage("extract"):
            key = self.key(EXTRACT_REFERENCE, reference_blurred)
            v1, v2, v3 = encode(EXTRACT_REFERENCE, reference, self.features)
            return ReferenceTextures(key, (v1, v2, v3), valid)

    def features(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The extractor's three levels of ``image`` (B, 3, H, W) in [-1, 1]."""
        levels: tuple[Tensor, Tensor, Tensor] = self.LTE((image + 1.0) / 2.0)
        return levels

    def key(self, name: str, image: Tensor) -> Tensor:
        """relu3_1 of ``image``: what is matched. ``name``: the pass."""
        return encode(name, image, lambda part: self.features(part)[2:], LEVELS[-1:])[0]

    def search(self, upsampled: Tensor, reference: ReferenceTextures) -> tuple[Tensor, Tensor]:
        """(index (B, H, W), S (B, 1, H, W)): the best reference patch of every LR position.

        S is the similarity, times the trust gate where the net has one.
        """
        with stage("extract"):
            query = self.key(EXTRACT_QUERY, upsampled)
        with stage("match"):
            found = match(
                query,
                reference.key,
                flavour="ttsr",
                reference_valid=reference.valid,
                valid_over="patches",
                memory_mb=share_mb(MATCH_PASS),
                approx=self.approx,
            )
            index = found.index[:, 0]
            similarity = found.similarity
        gate = self.gate(index, similarity, found.reference_grid[1])
        relevance = relevance_at(query, reference.key, index) if torch.is_grad_enabled() else similarity
        return index, relevance if gate is None else relevance * gate

    def gate(self, index: Tensor, similarity: Tensor, grid_width: int) -> Tensor | None:
        """The trust gate (B, 1, H, W) of the matches ``index`` (B, H, W), where the net has one."""
        if self.trust_gate is None:
            return None
        with stage("match"):
            flow = index_to_flow(index, grid_width, padded=0)
            trust = tiled(
                TRUST_PASS,
                (index.shape[1], index.shape[2]),
                lambda window: [trust_map(window.of_vectors(flow), window.of(similarity))],
            )
            gate: Tensor = self.trust_gate(trust[0])
        return gate

    def textures(self, reference: ReferenceTextures, index: Tensor) -> list[Tensor]:
        """T1, T2, T3: the values at the matched positions, finest first."""
        with stage("transfer"):
            return [
                transfer(value, index, scale=scale)
                for value, scale in zip(reference.values, SCALES, strict=True)
            ]

    def restore(self, lr: Tensor, upsampled: Tensor, reference: ReferenceTextures) -> Tensor:
        """SR (B, 3, 4H, 4W) in [-1, 1] from ``lr`` (B, 3, H, W) and its bicubic x4."""
        index, relevance = self.search(upsampled, reference)

        def textures(level: int, window: Window) -> Tensor:
            with stage("transfer"):
                part = window.of(index)
                return transfer(reference.values[level], part, scale=SCALES[level])

        return self.MainNet.restore(lr, relevance, textures)

    def forward(self, lr: Tensor, upsampled: Tensor, reference: Tensor, reference_blurred: Tensor) -> Tensor:
        """SR in [-1, 1]; the reference may differ in size from the output, its sides multiples of 4."""
        return self.restore(lr, upsampled, self.encode(reference, reference_blurred))
