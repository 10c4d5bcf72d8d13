"""The official matching algorithms, written plainly: what the streamed matcher is timed against.

C2-Matching and DATSR (methods specification 1.0, items 1 to 4): unfold the reference into kernels,
correlate in chunks of ``int(1024**2 * 512 / (h * w))`` kernels with conv2d, keep a running maximum in
which a later chunk wins only when strictly greater. TTSR (1.3): one full product of unfolded patches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def plain_c2(query: Tensor, reference: Tensor, patch: int = 3) -> tuple[Tensor, Tensor]:
    """(index, similarity), both (h', w'), of the best reference patch; inputs (C, h, w)."""
    query = functional.normalize(query, dim=0)
    reference = functional.normalize(reference, dim=0)
    channels, height, width = query.shape
    kernels = functional.unfold(reference[None], patch)[0].t().reshape(-1, channels, patch, patch)
    kernels = kernels / (kernels.flatten(1).norm(dim=1)[:, None, None, None] + 1e-5)
    batch = int(1024**2 * 512 / (height * width))
    value = index = None
    for start in range(0, len(kernels), batch):
        scores = functional.conv2d(query[None], kernels[start : start + batch])[0]
        best, place = scores.max(0)
        if value is None or index is None:
            value, index = best, place
        else:
            later = best > value
            value, index = torch.where(later, best, value), torch.where(later, place + start, index)
    if value is None or index is None:
        raise ValueError("the reference has no patch")
    norm = functional.unfold(query[None], patch)[0].norm(dim=0).view_as(value) + 1e-5
    return index, value / norm


def plain_ttsr(query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """(index, similarity), both (h, w), by the full (Hr*Wr, H*W) product; inputs (C, h, w)."""
    columns = functional.normalize(functional.unfold(query[None], 3, padding=1), dim=1)
    rows = functional.normalize(functional.unfold(key[None], 3, padding=1).permute(0, 2, 1), dim=2)
    value, index = torch.bmm(rows, columns).max(1)
    return index.view(query.shape[1:]), value.view(query.shape[1:])


def plain_transfer(value: Tensor, index: Tensor, *, scale: int) -> Tensor:
    """TTSR's transfer by unfold, gather and fold; value (B, C, s*hr, s*wr), index (B, h, w)."""
    patch, height, width = 3 * scale, *index.shape[-2:]
    columns = functional.unfold(value, patch, padding=scale, stride=scale)
    picked = columns.gather(2, index.flatten(1)[:, None].expand(-1, columns.shape[1], -1))
    size = (height * scale, width * scale)
    return functional.fold(picked, size, patch, padding=scale, stride=scale) / 9.0
