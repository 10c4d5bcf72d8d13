"""Where the cells of a feature map lie, where a homography sends them, and features at such points.

Points are (x, y) in HR pixels, edge convention (see ``data.homography``); a map of stride s has the
centre of cell i at (i + 0.5) * s.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cell_centres(height: int, width: int, stride: float, device: torch.device | str = "cpu") -> Tensor:
    """Centres of all cells in row-major order, shape (height * width, 2)."""
    y = (torch.arange(height, device=device) + 0.5) * stride
    x = (torch.arange(width, device=device) + 0.5) * stride
    return torch.stack([x.repeat(height), y.repeat_interleave(width)], dim=-1)


def transform(homography: Tensor, points: Tensor) -> Tensor:
    """Map points (N, 2) or (B, N, 2) through homographies (B, 3, 3); result (B, N, 2)."""
    homogeneous = F.pad(points, (0, 1), value=1.0)
    mapped = homogeneous.to(homography.dtype) @ homography.transpose(1, 2)
    return mapped[..., :2] / mapped[..., 2:]


def in_reference(homographies: Tensor, layer: Tensor, points: Tensor) -> Tensor:
    """Where ``points`` (N, 2) or (B, N, 2), each of its ``layer`` (B, N), are in the reference: (B, N, 2).

    homographies: (B, L, 3, 3). A point without a layer (below 0) is taken as one of the first; the caller
    leaves it out.
    """
    every = torch.stack([transform(homographies[:, i], points) for i in range(homographies.shape[1])], dim=2)
    chosen = layer.clamp(min=0)[..., None, None].expand(-1, -1, 1, 2)
    return every.gather(2, chosen).squeeze(2)


def inside(points: Tensor, height: float, width: float, border: float) -> Tensor:
    """True where a point (..., 2) is at least ``border`` pixels within the image; shape (...)."""
    limit = torch.tensor([width, height], dtype=points.dtype, device=points.device) - border
    return ((points >= border) & (points <= limit)).all(dim=-1)


def features_at(features: Tensor, points: Tensor, stride: float) -> Tensor:
    """Bilinear features (B, N, C), L2-normalised, of a map (B, C, h, w) at points (B, N, 2)."""
    size = torch.tensor(
        [features.shape[-1] * stride, features.shape[-2] * stride], dtype=points.dtype, device=points.device
    )
    grid = (2 * points / size - 1).to(features.dtype).unsqueeze(1)
    sampled = F.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return F.normalize(sampled.squeeze(2).transpose(1, 2), dim=-1)
