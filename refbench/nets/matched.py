"""What C2-Matching and DATSR share around their restoration nets: encode, match, carry matches to levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.matching import match
from refbench.matching.result import Match
from refbench.nets.correspondence import LevelMatch, level_match
from refbench.nets.refine import centred_flow, refined_matches
from refbench.nets.several import join_levels, join_valid
from refbench.nets.trust import trust_map
from refbench.nets.vgg import LEVELS, ContrastiveExtractor, TextureFeatures
from refbench.stages import stage

SCALES = (4, 2, 1)
"""Pixels of each level, finest first, per pixel of relu3_1."""


@dataclass(frozen=True)
class ReferenceFeatures:
    """All that the nets need of one reference; reusable for every LR that shares it."""

    keys: tuple[Tensor, ...]
    """Key features to match: relu3_1 alone, or every level for per-level matching, finest first."""
    textures: tuple[Tensor, ...]
    """Value features V_l, finest first."""
    valid: Tensor | None = None
    """(h, w) bool over relu3_1: pixels that may be matched; None: all of them."""

    image: Tensor | None = None
    """The reference itself, (B, 3, 4h, 4w) in [0, 1]; None for several references joined."""

    def valid_at(self, key: Tensor) -> Tensor | None:
        """``valid`` at the resolution of ``key``."""
        if self.valid is None:
            return None
        factor = key.shape[-1] // self.keys[-1].shape[-1]
        return self.valid.repeat_interleave(factor, 0).repeat_interleave(factor, 1)


def join_features(several: Sequence[ReferenceFeatures]) -> ReferenceFeatures:
    """Several references as one whose seams cannot be matched; a single one as it is."""
    if len(several) == 1:
        return several[0]
    coarsest = [one.keys[-1] for one in several]
    sizes = [(key.shape[-2], key.shape[-1]) for key in coarsest]
    return ReferenceFeatures(
        join_levels([one.keys for one in several]),
        join_levels([one.textures for one in several]),
        join_valid(sizes, coarsest[0].device),
    )


class Correspondences(nn.Module):
    """Query/key encoder, value encoder and matching, in front of a restoration net.

    ``extractor`` holds what ``feature_extraction.pth`` has, ``texture`` the VGG19 features.
    """

    def __init__(
        self,
        extractor_channels: tuple[int, int, int],
        texture_channels: tuple[int, int, int],
        shared_extractor: bool = False,
        matching: Literal["single", "per_level", "refined"] = "single",
        trust: bool = False,
    ) -> None:
        """``trust``: single matching also says, at LR scale, how far its matches can be trusted."""
        super().__init__()
        self.matching = matching
        self.trust = trust
        self.extractor = ContrastiveExtractor(extractor_channels, shared_extractor)
        self.texture = TextureFeatures(texture_channels)

    @property
    def matched_levels(self) -> tuple[str, ...]:
        """The levels at which features are matched."""
        return LEVELS[-1:] if self.matching == "single" else LEVELS

    def encode(self, reference: Tensor, valid: Tensor | None = None) -> ReferenceFeatures:
        """Keys and values of ``reference`` (B, 3, H, W in [0, 1]); H, W multiples of 4."""
        with stage("extract"):
            with torch.no_grad():
                # indices carry no gradient; the encoder learns by its own contrastive loss
                keys = self.extractor.key(reference, self.matched_levels)
            return ReferenceFeatures(tuple(keys), tuple(self.texture(reference)), valid, reference)

    def similarity(self, upsampled: Tensor, reference: ReferenceFeatures) -> Tensor:
        """Best similarities (B, 1, h-2, w-2) of the coarsest level: how well a reference fits the LR."""
        with torch.no_grad(), stage("match"):
            query = self.extractor.query(upsampled, LEVELS[-1:])[-1]
            key = reference.keys[-1]
            found = match(query, key, reference_valid=reference.valid_at(key), valid_over="pixels")
            return found.similarity

    def correspond(self, upsampled: Tensor, reference: ReferenceFeatures, k: int = 1) -> list[LevelMatch]:
        """Matches of every level, finest first, for the upsampled LR (B, 3, 4H, 4W). No gradient."""
        with torch.no_grad():
            with stage("extract"):
                queries = self.extractor.query(upsampled, self.matched_levels)
            with stage("match"):
                pairs = list(zip(queries, reference.keys, strict=True))
                if self.matching == "refined":
                    pairs = pairs[-1:]
                found = [
                    (
                        match(query, key, k=k, reference_valid=reference.valid_at(key), valid_over="pixels"),
                        key,
                    )
                    for query, key in pairs
                ]
                if self.matching == "per_level":
                    return [level_match(m.index, m.similarity, m.reference_grid[1], 1) for m, _ in found]
                best = found[0][0]
                if self.matching == "refined":
                    grid_width = best.reference_grid[1]
                    return refined_matches(queries, reference.keys, best.index, best.similarity, grid_width)
                levels = [
                    level_match(best.index, best.similarity, best.reference_grid[1], scale)
                    for scale in SCALES
                ]
                if self.trust:
                    levels[-1] = replace(levels[-1], confidence=match_trust(best))
                return levels


def match_trust(found: Match) -> Tensor:
    """Trust (B, K, CHANNELS, h, w) in the matches of every pixel; the rim takes its neighbours'."""
    flows = centred_flow(found.index, found.reference_grid[1])
    similarity = F.pad(found.similarity, (1, 1, 1, 1), mode="replicate")
    return torch.stack([trust_map(flows[:, k], similarity[:, k : k + 1]) for k in range(flows.shape[1])], 1)
