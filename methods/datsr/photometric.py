"""Colours of the reference brought to those of the LR image, from the matches themselves.

A change of light, exposure, contrast, saturation or hue is close to one affine map of RGB for the whole
image. The matches give pairs of colours, so that map can be fitted and applied before texture is taken.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.nets.correspondence import LevelMatch
from refbench.nets.warp import flow_warp

RIDGE = 1e-3
"""Weight, per pixel, of staying with the identity: what decides when few matches can be trusted."""
SCALE = 4
MOVED = 0.01
"""Of the range [0, 1]. A reference of the same light moves by less."""
CLIPPED = 0.02
"""Colours nearer than this to black or white are left out: clipping is not affine."""


def fit_colour(source: Tensor, target: Tensor, weight: Tensor, ridge: float = RIDGE) -> Tensor:
    """Affine map A (B, 3, 4) with A [source; 1] close to ``target``, by weighted ridge least squares.

    source, target: colours (B, 3, N) in [0, 1]; weight (B, N) in [0, 1]. Without weight the
    result is the identity.
    """
    extended = torch.cat((source, torch.ones_like(source[:, :1])), dim=1)
    weighted = extended * weight.unsqueeze(1)
    identity = torch.eye(3, 4, dtype=source.dtype, device=source.device)
    pull = ridge * source.shape[-1]
    left = weighted @ extended.transpose(1, 2) + pull * torch.eye(4, dtype=source.dtype, device=source.device)
    right = weighted @ target.transpose(1, 2) + pull * identity.T
    solved: Tensor = torch.linalg.solve(left, right)
    return solved.transpose(1, 2)


def apply_colour(image: Tensor, affine: Tensor) -> Tensor:
    """The map (B, 3, 4) applied to ``image`` (B, 3, H, W), clamped to [0, 1]."""
    mixed = torch.einsum("bij,bjhw->bihw", affine[:, :, :3], image) + affine[:, :, 3, None, None]
    return mixed.clamp(0, 1)


def colours_moved(before: Tensor, after: Tensor) -> bool:
    """Whether alignment changed the image by more than MOVED on average: its features then are other ones."""
    return bool((after - before).abs().mean() > MOVED)


def align_colours(reference: Tensor, lr: Tensor, match: LevelMatch) -> Tensor:
    """``reference`` (B, 3, 4h, 4w) in the colours of ``lr`` (B, 3, H, W).

    ``match``: the matches at LR scale, with confidence. A match weighs by the fourth power of its agreement
    with its neighbours and of its score, so that an unrelated reference is left nearly as it is. ValueError
    without confidence.
    """
    if match.confidence is None:
        raise ValueError("colours are aligned by refined matches only: they carry a confidence")
    small = F.avg_pool2d(reference, SCALE)
    found = flow_warp(small, match.flow[:, 0])
    trust = match.confidence[:, 0]
    weight = (trust[:, 1] * trust[:, 2].clamp(0, 1)) ** 4
    inner = ((found > CLIPPED) & (found < 1 - CLIPPED) & (lr > CLIPPED) & (lr < 1 - CLIPPED)).all(dim=1)
    affine = fit_colour(found.flatten(2), lr.flatten(2), (weight * inner).flatten(1))
    return apply_colour(reference, affine)
