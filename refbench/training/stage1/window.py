"""Contrast within a small window: makes the finer levels peak at the exact position."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .positions import features_at


def window_contrast(
    query: Tensor,
    key: Tensor,
    points1: Tensor,
    points2: Tensor,
    valid: Tensor,
    stride: float,
    radius: int = 3,
    temperature: float = 0.1,
) -> Tensor:
    """Cross entropy of the true partner among the (2r+1)^2 positions around it, a scalar.

    query, key: maps (B, C, h, w) of ``stride`` HR pixels a cell; points1, points2: corresponding positions
    (B, N, 2) in HR pixels; valid: (B, N). The rivals stand at whole cells about the exact partner, so the
    optimum is a similarity that falls off on all sides of it.
    """
    first = features_at(query, points1, stride)
    steps = torch.arange(-radius, radius + 1, device=points2.device, dtype=points2.dtype) * stride
    window = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).view(-1, 2)
    batch, count = points2.shape[:2]
    around = (points2.unsqueeze(2) + window).view(batch, -1, 2)
    second = features_at(key, around, stride).view(batch, count, window.shape[0], -1)
    logits = (second @ first.unsqueeze(-1)).squeeze(-1) / temperature
    centre = window.shape[0] // 2
    each = F.cross_entropy(
        logits.flatten(0, 1), torch.full((batch * count,), centre, device=logits.device), reduction="none"
    ).view(batch, count)
    weight = valid.to(each.dtype)
    return (each * weight).sum() / weight.sum().clamp(min=1.0)
