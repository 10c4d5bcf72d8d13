"""How exact a matcher is, against float64 brute force on a sample of query positions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SAMPLE = 128
REACHED = 1e-6
"""A similarity this close to the exact best counts as found."""
PATCH = 3
EPSILON = 1e-5


@dataclass(frozen=True)
class Exactness:
    """Over ``positions`` evenly spaced query positions, and all K places of each."""

    reached: float
    """Share whose exact similarity is within 1e-6 of the exact best's."""
    index_equal: float
    """Share whose index is the exact one's (ties may differ)."""
    loss_max: float
    """Largest similarity lost against the exact best."""
    error_max: float
    """Largest difference between the reported similarity and the exact one of the reported index."""
    positions: int


def measure_exactness(query: Tensor, reference: Tensor, index: Tensor, similarity: Tensor) -> Exactness:
    """query, reference: (C, H, W); index, similarity: (K, h', w') over 3x3 patches, C2-Matching's norms."""
    k = index.shape[0]
    query, reference = (functional.normalize(t.double(), dim=0) for t in (query, reference))
    total = index[0].numel()
    sample = torch.linspace(0, total - 1, min(total, SAMPLE)).round().long().to(index.device)
    patches = _patches_at(query, sample, index.shape[2])
    patches = patches / (patches.norm(dim=1, keepdim=True) + EPSILON)
    scores = torch.cat([patches @ row for row in _rows(reference)], dim=1)
    exact, exact_index = scores.topk(k, dim=1)
    chosen_index = index.reshape(k, -1)[:, sample].t()
    chosen = scores.gather(1, chosen_index)
    loss = exact - chosen.sort(dim=1, descending=True).values
    reported = similarity.reshape(k, -1)[:, sample].t().double()
    return Exactness(
        reached=float((loss <= REACHED).double().mean()),
        index_equal=float((chosen_index == exact_index).double().mean()),
        loss_max=max(0.0, float(loss.max())),
        error_max=float((reported - chosen).abs().max()),
        positions=len(sample),
    )


def _patches_at(features: Tensor, positions: Tensor, columns: int) -> Tensor:
    """(n, 9 C) patches at row-major grid ``positions``."""
    y, x = torch.div(positions, columns, rounding_mode="floor"), positions % columns
    taps = [features[:, y + i, x + j] for i in range(PATCH) for j in range(PATCH)]
    return torch.stack(taps, dim=1).flatten(0, 1).t()


def _rows(reference: Tensor) -> list[Tensor]:
    """(9 C, w') normalised patches of each grid row; the order of values is that of :func:`_patches_at`."""
    columns = reference.shape[2] - PATCH + 1
    return [_normalised_row(reference[:, y : y + PATCH], columns) for y in range(reference.shape[1] - 2)]


def _normalised_row(strip: Tensor, columns: int) -> Tensor:
    taps = [strip[:, i, j : j + columns] for i in range(PATCH) for j in range(PATCH)]
    row = torch.stack(taps, dim=1).flatten(0, 1)
    norm: Tensor = row.norm(dim=0)
    return row / (norm + EPSILON)
