"""PCK, the percentage of correct keypoints: how often the best match lies near the true one."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from .positions import cell_centres, in_reference, inside


def patch_descriptors(features: Tensor) -> Tensor:
    """Unit descriptors of all 3x3 patches (zero-padded) of (B, C, h, w), shape (B, h*w, 9C)."""
    unit = F.normalize(features, dim=1)
    return F.normalize(F.unfold(unit, 3, padding=1).transpose(1, 2), dim=-1)


def match_errors(
    query: Tensor, key: Tensor, homographies: Tensor, layer: Tensor, stride: float
) -> tuple[Tensor, Tensor]:
    """Distance in HR pixels between the best match of each query cell and its true partner.

    query, key: features (B, C, h, w) of image 1 and 2; homographies (B, L, 3, 3) and layer (B, h*w): the
    truth. Returns errors (B, h*w) and the mask (B, h*w) of cells whose partner image 2 shows. With features
    that identify each place the error is the rounding to cells alone, at most stride / sqrt(2) in Euclidean
    distance.
    """
    height, width = query.shape[-2:]
    best = (patch_descriptors(query) @ patch_descriptors(key).transpose(1, 2)).argmax(dim=-1)
    centres = cell_centres(key.shape[-2], key.shape[-1], stride, query.device)
    truth = in_reference(homographies, layer, cell_centres(height, width, stride, query.device))
    valid = (layer >= 0) & inside(truth, key.shape[-2] * stride, key.shape[-1] * stride, stride / 2)
    return (centres[best] - truth).norm(dim=-1), valid


def pck(errors: Tensor, valid: Tensor, thresholds: Sequence[float], unit: float = 1.0) -> list[float]:
    """Share of valid cells whose error is at most each threshold times ``unit`` pixels; nan without cells."""
    kept = errors[valid]
    if kept.numel() == 0:
        return [float("nan")] * len(thresholds)
    return [float((kept <= t * unit).double().mean()) for t in thresholds]
