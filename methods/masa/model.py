"""MASA end to end: shared encoder, two-step matching, warping and decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from refbench.execution.precision import precision_scope
from refbench.matching.observing import observed
from refbench.matching.result import Match
from refbench.stages import stage

from .blocks import Blocks
from .config import MasaConfig
from .net import Decoder, Encoder
from .search import coarse_search, dense_search, geometry, window_starts
from .warp import centres, warp

SCALES = (1, 2, 4)
"""Pixels of each warped level per LR pixel, coarsest first."""


@dataclass(frozen=True)
class ReferenceFeatures:
    """What MASA needs of one reference; reusable for every LR that shares it."""

    key: Tensor
    """L1 of the reference at a quarter of its size, (B, nf, Hr, Wr): what is matched."""
    values: tuple[Tensor, Tensor, Tensor]
    """L3, L2, L1 of the reference itself, at Hr, 2Hr and 4Hr: what is transferred."""


@dataclass(frozen=True)
class BlockMatch:
    """The match of every LR pixel, block by block."""

    blocks: Blocks
    centre: Tensor
    """int64 (B, N, height, width): centre of the matched patch, row-major over Hr x Wr; -1: none here."""
    similarity: Tensor
    """(B, N, height, width): its cosine similarity."""

    def as_match(self, reference: tuple[int, int]) -> Match:
        """The same over the whole LR image, for whoever listens to matches; ``reference``: (Hr, Wr)."""
        index = self.blocks.assemble(self.centre[:, :, None])
        similarity = self.blocks.assemble(self.similarity[:, :, None])
        height, width = index.shape[-2:]
        return Match(index, similarity, (height, width), reference, centre=0)


def best_of(found: Sequence[BlockMatch]) -> list[BlockMatch]:
    """Matches in several references, each kept only where it is the best; ties to the first reference.

    Since patches add up, the sum of the warps is the warp of the best patch per pixel.
    """
    if len(found) == 1:
        return list(found)
    value, owner = torch.stack([f.similarity for f in found]).max(dim=0)
    return [BlockMatch(f.blocks, torch.where(owner == i, f.centre, -1), value) for i, f in enumerate(found)]


class MasaModel(nn.Module):
    """The checkpoint's modules and the way through them. Images are BGR in [0, 1]."""

    def __init__(self, config: MasaConfig) -> None:
        super().__init__()
        self.config = config
        self.enc = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, reference: Tensor, reference_small: Tensor) -> ReferenceFeatures:
        """Features of a reference (B, 3, 4Hr, 4Wr) and of the same at a quarter of its size."""
        with stage("extract"):
            level1, level2, level3 = self.enc(reference)
            return ReferenceFeatures(self.enc.finest(reference_small), (level3, level2, level1))

    def search(self, query: Tensor, key: Tensor) -> BlockMatch:
        """The best reference patch of every pixel of the LR image's L1 features ``query``.

        In true float32 whatever the precision of the nets, as every matcher here: a rounded similarity
        would choose other patches.
        """
        query, key = query.float(), key.float()
        device = query.device.type
        with stage("match"), precision_scope("fp32"), torch.autocast(device, enabled=False):
            sizes = [(f.shape[2], f.shape[3]) for f in (query, key)]
            place = geometry(sizes[0], sizes[1], self.config)
            coarse, _ = coarse_search(query, key, place.blocks, self.config.dilations)
            y, x = window_starts(coarse, place)
            index, similarity = dense_search(query, key, place, y, x)
            found = BlockMatch(place.blocks, centres(index, place, y, x), similarity)
            observed(found.as_match(sizes[1]))
            return found

    def warp(self, values: tuple[Tensor, ...], found: BlockMatch) -> list[Tensor]:
        """The values at the matched positions: (B, nf, sH, sW) for s = 1, 2, 4."""
        with stage("transfer"):
            return [
                warp(value, found.centre, found.similarity, found.blocks, scale)
                for value, scale in zip(values, SCALES, strict=True)
            ]

    def fits(self, lr: Tensor, reference: ReferenceFeatures) -> float:
        """Mean similarity of the matches of ``lr`` (B, 3, H, W): how well a reference suits it."""
        with stage("extract"):
            query = self.enc.finest(lr)
        return float(self.search(query, reference.key).similarity.mean())

    def restore(self, lr: Tensor, references: Sequence[ReferenceFeatures]) -> Tensor:
        """SR (B, 3, 4H, 4W) from ``lr`` (B, 3, H, W), sides multiples of 8; not clamped.

        Of several references every pixel takes the best patch.
        """
        with stage("extract"):
            levels = self.enc(lr)
        found = best_of([self.search(levels[0], one.key) for one in references])
        warped = self.warp(references[0].values, found[0])
        for one, match in zip(references[1:], found[1:], strict=True):
            warped = [a + b for a, b in zip(warped, self.warp(one.values, match), strict=True)]
        with stage("restore"):
            out: Tensor = self.decoder(lr, levels, warped)
        return out

    def forward(self, lr: Tensor, reference: Tensor, reference_small: Tensor) -> Tensor:
        """SR; the reference may differ in size from the output, its sides multiples of 4."""
        return self.restore(lr, (self.encode(reference, reference_small),))
