"""What C2-Matching and DATSR share around their restoration nets: encode, match, carry matches to levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.matching import match
from refbench.matching.matcher import Approximation
from refbench.matching.result import Match
from refbench.nets.correspondence import LevelMatch, level_match
from refbench.nets.encoding import EXTRACT_QUERY, EXTRACT_REFERENCE, encode
from refbench.nets.needs import MATCH_PASS, TRUST_PASS
from refbench.nets.refine import centred_flow, refined_matches
from refbench.nets.several import join_levels, join_valid
from refbench.nets.trust import trust_map
from refbench.nets.vgg import LEVELS, ContrastiveExtractor, TextureFeatures
from refbench.stages import stage
from refbench.tiling import share_mb, tiled
from refbench.tiling.windows import Window

SCALES = (4, 2, 1)
"""Pixels of each level, finest first, per pixel of relu3_1."""


@dataclass(frozen=True)
class ReferenceFeatures:
    """All that the nets need of one reference; reusable for every LR that shares it."""

    keys: tuple[Tensor, ...]
    """Key features to match: relu3_1 alone, with HR/2 to refine, or of every level; finest first."""
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
        self.approx: Approximation | None = None
        """Opt-in approximation of the exhaustive search; recall is measured then."""
        self.extractor = ContrastiveExtractor(extractor_channels, shared_extractor)
        self.texture = TextureFeatures(texture_channels)

    @property
    def matched_levels(self) -> tuple[str, ...]:
        """The levels at which features are matched; refined matches need no keys of the finest."""
        return {"single": LEVELS[-1:], "refined": LEVELS[-2:], "per_level": LEVELS}[self.matching]

    def encode(self, reference: Tensor, valid: Tensor | None = None) -> ReferenceFeatures:
        """Keys and values of ``reference`` (B, 3, H, W in [0, 1]); H, W multiples of 4."""
        with stage("extract"):
            with torch.no_grad():
                # indices carry no gradient; the encoder learns by its own contrastive loss
                wanted = self.matched_levels
                keys = encode(
                    EXTRACT_REFERENCE, reference, lambda part: self.extractor.key(part, wanted), wanted
                )
            return ReferenceFeatures(tuple(keys), self.textures(reference), valid, reference)

    def textures(self, reference: Tensor) -> tuple[Tensor, ...]:
        """Values V_l of ``reference`` (B, 3, H, W), finest first."""
        return tuple(encode(EXTRACT_REFERENCE, reference, self.texture))

    def queries(self, upsampled: Tensor, wanted: Sequence[str]) -> list[Tensor]:
        """Query features of the upsampled LR (B, 3, 4H, 4W) at the ``wanted`` levels."""
        levels = tuple(wanted)
        return encode(EXTRACT_QUERY, upsampled, lambda part: self.extractor.query(part, levels), levels)

    def similarity(self, upsampled: Tensor, reference: ReferenceFeatures) -> Tensor:
        """Best similarities (B, 1, h-2, w-2) of the coarsest level: how well a reference fits the LR."""
        with torch.no_grad(), stage("match"):
            query = self.queries(upsampled, LEVELS[-1:])[-1]
            return self._match(query, reference.keys[-1], reference, 1).similarity

    def _match(self, query: Tensor, key: Tensor, reference: ReferenceFeatures, k: int) -> Match:
        return match(
            query,
            key,
            k=k,
            reference_valid=reference.valid_at(key),
            valid_over="pixels",
            memory_mb=share_mb(MATCH_PASS),
            approx=self.approx,
        )

    def correspond(self, upsampled: Tensor, reference: ReferenceFeatures, k: int = 1) -> list[LevelMatch]:
        """Matches of every level, finest first, for the upsampled LR (B, 3, 4H, 4W). No gradient."""
        return self.correspond_each(upsampled, (reference,), k)[0]

    def correspond_each(
        self, upsampled: Tensor, references: Sequence[ReferenceFeatures], k: int = 1
    ) -> list[list[LevelMatch]]:
        """:meth:`correspond` with each reference on its own; the LR is encoded once."""
        with torch.no_grad():
            with stage("extract"):
                queries = self.queries(upsampled, self.matched_levels)
            with stage("match"):
                return [self._levels(queries, one, k) for one in references]

    def _levels(self, queries: Sequence[Tensor], reference: ReferenceFeatures, k: int) -> list[LevelMatch]:
        pairs = list(zip(queries, reference.keys, strict=True))
        if self.matching == "refined":
            pairs = pairs[-1:]
        found = [self._match(query, key, reference, k) for query, key in pairs]
        if self.matching == "per_level":
            return [level_match(m.index, m.similarity, m.reference_grid[1], 1) for m in found]
        best = found[0]
        if self.matching == "refined":
            grid_width = best.reference_grid[1]
            return refined_matches(queries, reference.keys, best.index, best.similarity, grid_width)
        levels = [level_match(best.index, best.similarity, best.reference_grid[1], scale) for scale in SCALES]
        if self.trust:
            levels[-1] = replace(levels[-1], confidence=match_trust(best))
        return levels


def match_trust(found: Match) -> Tensor:
    """Trust (B, K, CHANNELS, h, w) in the matches of every pixel; the rim takes its neighbours'."""
    flows = centred_flow(found.index, found.reference_grid[1])
    similarity = F.pad(found.similarity, (1, 1, 1, 1), mode="replicate")

    def compute(window: Window) -> list[Tensor]:
        parts = [
            trust_map(window.of_vectors(flows[:, k]), window.of(similarity[:, k : k + 1]))
            for k in range(flows.shape[1])
        ]
        return [torch.stack(parts, dim=1)]

    return tiled(TRUST_PASS, (flows.shape[2], flows.shape[3]), compute)[0]
