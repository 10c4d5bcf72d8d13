"""The official matching algorithm and the full product, plainly: what the streamed matcher is compared with.

Both normalise as C2-Matching and DATSR do (methods specification 1.0): channels of each pixel, then the
reference patch by norm + 1e-5, the similarity by the query patch's norm + 1e-5.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-5
PATCH = 3
CHUNK_BUDGET = 1024**2 * 512
"""Query pixels times kernels of one convolution, as the released code has it."""


def _kernels(reference: Tensor) -> Tensor:
    """(n, C, 3, 3): every patch of ``reference`` (C, H, W), normalised."""
    patches: Tensor = functional.unfold(reference[None], PATCH)[0].t()
    patches = patches / (patches.norm(dim=1, keepdim=True) + EPSILON)
    return patches.reshape(len(patches), reference.shape[0], PATCH, PATCH)


def _query_norm(query: Tensor) -> Tensor:
    norm: Tensor = functional.unfold(query[None], PATCH)[0].norm(dim=0)
    return norm + EPSILON


def official(query: Tensor, reference: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """(index, similarity), (k, h', w') each, by convolving with chunks of reference patches.

    query, reference: (C, H, W). A running best over the chunks, in which a later one wins only when it
    is strictly greater; for K > 1, which the released code does not have, the best K of all so far.
    """
    query, reference = functional.normalize(query, dim=0), functional.normalize(reference, dim=0)
    kernels = _kernels(reference)
    height, width = query.shape[1:]
    chunk = max(1, CHUNK_BUDGET // (height * width))
    best: tuple[Tensor, Tensor] | None = None
    for start in range(0, len(kernels), chunk):
        scores = functional.conv2d(query[None], kernels[start : start + chunk])[0]
        value, index = scores.topk(min(k, len(scores)), dim=0) if k > 1 else scores.max(0, keepdim=True)
        found = value, index + start
        best = found if best is None else _merged(best, found, k)
    if best is None:
        raise ValueError("the reference has no patch")
    value, index = best
    return index, value / _query_norm(query).view(value.shape[1:])


def _merged(best: tuple[Tensor, Tensor], later: tuple[Tensor, Tensor], k: int) -> tuple[Tensor, Tensor]:
    if k == 1:
        wins = later[0] > best[0]
        return torch.where(wins, later[0], best[0]), torch.where(wins, later[1], best[1])
    value = torch.cat((best[0], later[0]))
    kept = value.sort(dim=0, descending=True, stable=True).indices[:k]
    return value.gather(0, kept), torch.cat((best[1], later[1])).gather(0, kept)


def full_product(query: Tensor, reference: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The same by one ``bmm`` of all unfolded patches: the whole correlation in memory, as TTSR has it."""
    query, reference = functional.normalize(query, dim=0), functional.normalize(reference, dim=0)
    kernels = _kernels(reference).flatten(1)[None]
    columns = functional.unfold(query[None], PATCH)
    scores = torch.bmm(kernels, columns)[0]
    value, index = scores.topk(k, dim=0) if k > 1 else scores.max(0, keepdim=True)
    grid = (k, query.shape[1] - PATCH + 1, query.shape[2] - PATCH + 1)
    return index.view(grid), (value / _query_norm(query)).view(grid)
