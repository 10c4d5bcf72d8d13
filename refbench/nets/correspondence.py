"""From matched features to what the nets consume at each level: flows, offsets and similarities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class LevelMatch:
    """Matches of one level in that level's pixels; K best matches, best first."""

    flow: Tensor
    """(B, K, H, W, 2) displacement to the matched position, x then y, whole pixels."""
    pre_offset: Tensor
    """(B, K, 9, H, W, 2): the flow shifted for each tap of a 3x3 kernel."""
    similarity: Tensor
    """(B, K, 1, H, W) cosine similarity of the match, zero on the rim."""


def match(query: Tensor, reference: Tensor, k: int) -> tuple[Tensor, Tensor]:
    q = F.normalize(query, dim=1)
    r = F.normalize(reference, dim=1)
    P = F.unfold(q, 3).transpose(1, 2)
    R = F.unfold(r, 3)
    R = R / (R.norm(dim=1, keepdim=True) + 1e-5)
    corr = P @ R / (P.norm(dim=2, keepdim=True) + 1e-5)
    v, i = corr.topk(k, dim=2)
    h, w = query.shape[2] - 2, query.shape[3] - 2
    return i.transpose(1, 2).reshape(-1, k, h, w), v.transpose(1, 2).reshape(-1, k, h, w)


def level_match(index: Tensor, similarity: Tensor, reference_width: int, scale: int) -> LevelMatch:
    """index (B,K,h-2,w-2)"""
    b, k, h, w = index.shape
    gx = torch.arange(w, device=index.device)
    gy = torch.arange(h, device=index.device)[:, None]
    wr = reference_width - 2
    flow = torch.stack((index % wr - gx, index // wr - gy), -1).float()
    flow = F.pad(flow, (0, 0, 0, 2, 0, 2))
    flow = flow.repeat_interleave(scale, 2).repeat_interleave(scale, 3) * scale
    H, W = flow.shape[2:4]
    pre = flow.new_zeros(b, k, 9, H, W, 2)
    for t in range(9):
        i, j = t // 3 * scale, t % 3 * scale
        pre[:, :, t, i:, j:] = flow[:, :, : H - i, : W - j]
    sim = F.pad(similarity, (1, 1, 1, 1)).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    return LevelMatch(flow, pre, sim[:, :, None])
