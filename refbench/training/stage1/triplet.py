"""Hardest-negative triplet hinge on corresponding descriptors.

D2-Net (CVPR 2019), equations 4 to 6; stage 1 of C2-Matching (CVPR 2021).
"""

from __future__ import annotations

import torch
from torch import Tensor


def chebyshev(points: Tensor) -> Tensor:
    """Pairwise max-norm distances of (B, N, 2), shape (B, N, N)."""
    return (points.unsqueeze(2) - points.unsqueeze(1)).abs().amax(dim=-1)


def hardest_triplet(
    first: Tensor,
    second: Tensor,
    points1: Tensor,
    points2: Tensor,
    valid: Tensor,
    margin: float = 1.0,
    safe_radius: float = 16.0,
) -> Tensor:
    """Mean over valid i of max(0, margin + p_i - n_i), a scalar.

    first, second: unit descriptors (B, N, C) of corresponding points; points1, points2: their positions
    (B, N, 2) in pixels; valid: (B, N). With d(a, b) = 2 - 2 cos(a, b), p_i = d(first_i, second_i) and n_i is
    the smaller of min_j d(first_i, second_j) over points2 and min_j d(second_i, first_j) over points1, j
    valid and farther than ``safe_radius`` pixels (max norm) from point i in the image searched. A point
    without any negative contributes nothing; no valid point gives zero.
    """
    distance = 2 - 2 * first @ second.transpose(1, 2)
    positive = distance.diagonal(dim1=1, dim2=2)
    usable = valid.unsqueeze(1)
    far2 = usable & (chebyshev(points2) > safe_radius)
    far1 = usable & (chebyshev(points1) > safe_radius)
    infinite = torch.full_like(distance, torch.inf)
    negative2 = torch.where(far2, distance, infinite).amin(dim=2)
    negative1 = torch.where(far1, distance.transpose(1, 2), infinite).amin(dim=2)
    negative = torch.minimum(negative1, negative2)
    counted = valid & torch.isfinite(negative)
    hinge = torch.relu(margin + positive - torch.where(counted, negative, torch.zeros_like(negative)))
    weight = counted.to(hinge.dtype)
    return (hinge * weight).sum() / weight.sum().clamp(min=1.0)
