"""From matched indices to the flow and offset maps that the transfer networks read.

Methods specification 1.0, items 5 and 6 (C2-Matching, DATSR), and 1.2 for ``pre_flow`` and
``pre_similarity``. Vectors are (x, y) in the last dimension. A query position is the top-left corner of
its patch, so the flow is padded at the bottom and at the right, while DATSR's similarity is centred.

Every function takes any leading axes: (h', w'), (B, h', w') or, for top-K maps, (B, K, h', w').
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LEVELS: dict[str, int] = {"relu3_1": 1, "relu2_1": 2, "relu1_1": 4}
"""VGG level -> upsampling factor over the level that is matched."""


def index_to_flow(index: Tensor, reference_width: int, *, padded: int = 2) -> Tensor:
    """Displacement to the matched patch, float32 (..., h' + padded, w' + padded, 2), last (x, y).

    index: int64 (..., h', w'), row-major over a reference patch grid ``reference_width`` wide. The official
    code decodes with the *query* grid's width, which is the same only for equally sized maps; decoding
    with the reference's is right for all. ``padded`` zero rows and columns are added at the bottom and at
    the right (patch - 1 for an unpadded grid). Unmatched positions (-1) get zero flow.
    """
    height, width = index.shape[-2:]
    y = torch.div(index, reference_width, rounding_mode="floor")
    x = index - y * reference_width
    x = x - torch.arange(width, device=index.device)
    y = y - torch.arange(height, device=index.device)[:, None]
    flow = torch.stack((x, y), -1).masked_fill_((index < 0)[..., None], 0).float()
    return functional.pad(flow, (0, 0, 0, padded, 0, padded))


def upsample_flow(flow: Tensor, factor: int) -> Tensor:
    """Nearest-upsampled (..., h, w, 2) flow, its vectors scaled along: (..., factor*h, factor*w, 2)."""
    if factor == 1:
        return flow
    return flow.repeat_interleave(factor, -3).repeat_interleave(factor, -2) * factor


def shifted_copies(flow: Tensor, *, step: int = 1, patch: int = 3) -> Tensor:
    """(..., patch*patch, h, w, 2): copy ``patch * i + j`` is the flow moved down i*step and right j*step.

    Pixels that nothing moves to are zero. Copy (i, j) tells pixel p where the patch that has p at its
    tap (i, j) was matched.
    """
    height, width = flow.shape[-3:-1]
    out = flow.new_zeros((*flow.shape[:-3], patch * patch, height, width, 2))
    for i in range(min(patch, -(-height // step))):
        for j in range(min(patch, -(-width // step))):
            down, right = i * step, j * step
            target = out[..., patch * i + j, down:, right:, :]
            target.copy_(flow[..., : height - down, : width - right, :])
    return out


def pre_flow(index: Tensor, reference_width: int, *, patch: int = 3) -> dict[str, Tensor]:
    """Level -> padded, unshifted flow (..., s*h, s*w, 2), s = 1, 2, 4 (h = h' + patch - 1)."""
    flow = index_to_flow(index, reference_width, padded=patch - 1)
    return {level: upsample_flow(flow, factor) for level, factor in LEVELS.items()}


def pre_offset(index: Tensor, reference_width: int, *, patch: int = 3) -> dict[str, Tensor]:
    """Level -> the nine shifted copies (..., 9, s*h, s*w, 2), s = 1, 2, 4, shifted by s pixels each."""
    flows = pre_flow(index, reference_width, patch=patch)
    return {level: shifted_copies(flows[level], step=factor, patch=patch) for level, factor in LEVELS.items()}


def pre_similarity(similarity: Tensor, *, patch: int = 3) -> dict[str, Tensor]:
    """Level -> similarity (..., 1, s*h, s*w), zero-padded by patch // 2 on every side, nearest-upsampled.

    similarity: (..., h', w'); values are not scaled.
    """
    centred = functional.pad(similarity, (patch // 2,) * 4).unsqueeze(-3)
    return {
        level: centred.repeat_interleave(factor, -2).repeat_interleave(factor, -1) if factor > 1 else centred
        for level, factor in LEVELS.items()
    }
