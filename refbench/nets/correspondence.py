"""From matched positions to what the nets consume at each level: flows, offsets and similarities."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from refbench.matching.offsets import index_to_flow, shifted_copies, upsample_flow
from refbench.tiling.windows import Window


@dataclass(frozen=True)
class LevelMatch:
    """Matches of one level in that level's pixels; K best matches, best first."""

    flow: Tensor
    """(B, K, H, W, 2) displacement to the matched position, x then y, whole pixels. It belongs to the
    patch whose top-left is the pixel."""
    pre_offset: Tensor
    """(B, K, 9, H, W, 2): the flow shifted for each tap of a 3x3 kernel."""
    similarity: Tensor
    """(B, K, 1, H, W) cosine similarity of the match; centred on its patch, zero on the rim."""
    confidence: Tensor | None = None
    """(B, K, 3, H, W), where matches are refined: the similarity, the share of neighbours that move alike,
    and the agreement of the finer features, each in about [0, 1]. Of single matches that are asked for
    trust, at LR scale only: (B, K, 2, H, W), see refbench.nets.trust."""
    origin: tuple[int, int] = (0, 0)
    """(top, left) of these maps in the whole level: displacements start from absolute positions."""

    def under(self, window: Window) -> LevelMatch:
        """The matches of a window of this level's pixels, as views."""
        whole = (self.flow.shape[2], self.flow.shape[3])
        if window.covers(whole):
            return self
        return replace(
            self,
            flow=window.of_vectors(self.flow),
            pre_offset=window.of_vectors(self.pre_offset),
            similarity=window.of(self.similarity),
            confidence=None if self.confidence is None else window.of(self.confidence),
            origin=(self.origin[0] + window.top, self.origin[1] + window.left),
        )


def level_match(index: Tensor, similarity: Tensor, grid_width: int, scale: int) -> LevelMatch:
    """Maps of the level that has ``scale`` times the resolution of the matched one.

    ``index`` and ``similarity``: (B, K, h-2, w-2) over an unpadded grid of 3x3 patches; ``grid_width``:
    width of the reference's patch grid.
    """
    flow = upsample_flow(index_to_flow(index, grid_width), scale)
    centred = F.pad(similarity, (1, 1, 1, 1)).unsqueeze(2)
    if scale > 1:
        centred = centred.repeat_interleave(scale, -2).repeat_interleave(scale, -1)
    return LevelMatch(flow, shifted_copies(flow, step=scale), centred)
