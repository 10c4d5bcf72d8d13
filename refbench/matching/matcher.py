"""``match``: the K most similar reference patches of every query patch."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from refbench.matching.approximate import approximate
from refbench.matching.checks import require, waits
from refbench.matching.exact import search
from refbench.matching.features import Features, prepare
from refbench.matching.flavours import FLAVOURS, Flavour
from refbench.matching.masks import position_mask
from refbench.matching.observing import observed
from refbench.matching.operands import PRECISIONS
from refbench.matching.result import Match
from refbench.matching.task import Task

FlavourName: TypeAlias = Literal["c2", "srntt", "ttsr"]
Over: TypeAlias = Literal["auto", "pixels", "patches"]
Precision: TypeAlias = Literal["fp32", "tf32", "bf16", "bf16x3", "fp16"]
Approximation: TypeAlias = Literal["pca", "coarse", "patchmatch"]


@torch.no_grad()
def match(
    query: Tensor,
    reference: Tensor,
    *,
    k: int = 1,
    patch: int = 3,
    stride: int = 1,
    flavour: FlavourName = "c2",
    padding: int | None = None,
    query_valid: Tensor | None = None,
    reference_valid: Tensor | None = None,
    valid_over: Over = "auto",
    memory_mb: float = 256.0,
    precision: Precision = "fp32",
    approx: Approximation | None = None,
    normalise_similarity: bool = True,
) -> Match:
    """Find the K reference patches with the highest cosine similarity, exactly, in bounded memory.

    query: (C, H, W) or (B, C, H, W); reference: (C, Hr, Wr) or (B, C, Hr, Wr), any size; floating point
    (computed in float32). Positions are the top-left corners of ``patch`` x ``patch`` windows at every
    ``stride`` pixels of the map, which is zero-padded by ``padding`` first (default: patch // 2 for
    ``ttsr``, else 0).

    flavour ``c2`` (C2-Matching, DATSR): channels of each pixel L2-normalised with max(norm, 1e-12), the
    reference patch divided by norm + 1e-5, the similarity by the query patch's norm + 1e-5. ``ttsr``: no
    pixel normalisation, patches divided by max(norm, 1e-12). ``srntt``: as ``c2`` without the pixel
    normalisation. ``normalise_similarity=False`` leaves the
    query patch's norm in (the index is not affected).

    query_valid, reference_valid: bool masks, (H, W) over pixels or (h', w') over patch positions, with a
    leading B if they differ in a batch; see :func:`refbench.matching.masks.position_mask`. A masked
    reference position is never matched; a masked query position gets index -1 and similarity 0.

    memory_mb bounds the working memory beyond inputs and result; the result does not depend on it.

    precision ``tf32``, ``bf16``, ``bf16x3`` or ``fp16`` searches with rounded features (tensor cores on
    CUDA; ``bf16x3`` splits them in two bfloat16 parts, about 16 bits of mantissa, ``fp16`` has TF32's 10 bits
    at bfloat16's rate) and scores the best k + 3 again
    in float32. ``approx`` searches only some positions (``pca`` 64 principal components, ``coarse`` half
    resolution first, ``patchmatch``): the result then carries its measured recall. For both,
    ``memory_mb`` bounds the search, next to which one or two copies of the maps are held.

    No gradients flow through the result. Raises ValueError for non-finite features, for a reference with
    fewer than ``k`` valid positions, for sizes that do not fit, and for a ``memory_mb`` that is too small.
    """
    if flavour not in FLAVOURS:
        raise ValueError(f"flavour {flavour!r} is unknown; known: {', '.join(FLAVOURS)}")
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; known: {', '.join(PRECISIONS)}")
    if min(k, patch, stride) < 1 or (padding is not None and padding < 0):
        raise ValueError(f"k, patch, stride must be >= 1 and padding >= 0: {k}, {patch}, {stride}, {padding}")
    if query.ndim not in (3, 4) or query.ndim != reference.ndim:
        raise ValueError(
            f"query and reference must both be (C, H, W) or (B, C, H, W), not {tuple(query.shape)} "
            f"and {tuple(reference.shape)}"
        )
    if query.shape[:-2] != reference.shape[:-2]:
        raise ValueError(
            f"query {tuple(query.shape)} and reference {tuple(reference.shape)} differ in batch or channels"
        )
    style = FLAVOURS[flavour]
    pad = padding if padding is not None else (patch // 2 if style.pads else 0)

    def one(q: Tensor, r: Tensor, q_mask: Tensor | None, r_mask: Tensor | None) -> Match:
        fq = prepare(q, name="query", patch=patch, stride=stride, padding=pad, per_pixel=style.per_pixel)
        fr = prepare(r, name="reference", patch=patch, stride=stride, padding=pad, per_pixel=style.per_pixel)
        place = {"patch": patch, "stride": stride}
        valid = _positions(r_mask, fr, "reference_valid", valid_over, **place)
        queried = _positions(q_mask, fq, "query_valid", valid_over, **place)
        inverse = style.inverse(fr.patch_norm)
        task = Task(fq, fr, inverse, valid, patch, stride, memory_mb, precision)
        return _match_one(task, k, style, queried, approx, normalise_similarity)

    # under autocast the pixel products would be rounded without a re-rank
    with torch.autocast(query.device.type, enabled=False):
        if query.ndim == 3:
            return observed(one(query, reference, query_valid, reference_valid))
        items = [
            one(query[b], reference[b], _item(query_valid, b), _item(reference_valid, b))
            for b in range(query.shape[0])
        ]
        return observed(_stacked(items))


def _match_one(
    task: Task,
    k: int,
    style: Flavour,
    queried: Tensor | None,
    approx: Approximation | None,
    normalise: bool,
) -> Match:
    _require_positions(task, k)
    recall, sample = 1.0, 0
    if approx is None:
        value, index = search(task, k)
    else:
        value, index, recall, sample = approximate(task, k, approx)
    if normalise:
        value = value * style.inverse(task.query.patch_norm).float()
    if queried is not None:
        index = torch.where(queried, index, -1)
        value = torch.where(queried, value, 0.0)
    centre = task.patch // 2 - task.query.padding
    return Match(index, value, task.grid, task.reference_grid, approx or "exact", recall, sample, centre)


def _require_positions(task: Task, k: int) -> None:
    """ValueError where fewer than ``k`` reference positions may be matched."""
    height, width = task.reference.raw.shape[1:]
    size = f"(reference {height}x{width}, patch {task.patch}, stride {task.stride})"
    wanted = f"k={k} needs as many reference positions, but"
    if task.valid is not None and waits(task.device):
        require(task.valid.sum() >= k, f"{wanted} fewer are valid {size}")
        return
    usable = task.inverse.numel() if task.valid is None else int(task.valid.sum())
    if usable < k:
        raise ValueError(f"{wanted} {usable} are valid {size}")


def _positions(
    mask: Tensor | None, features: Features, name: str, over: Over, *, patch: int, stride: int
) -> Tensor | None:
    if mask is None:
        return None
    (height, width), (rows, columns) = features.raw.shape[1:], features.patch_norm.shape
    return position_mask(
        mask.to(features.raw.device),
        name=name,
        pixels=(height, width),
        grid=(rows, columns),
        patch=patch,
        stride=stride,
        padding=features.padding,
        over=over,
    )


def _item(mask: Tensor | None, b: int) -> Tensor | None:
    return mask[b] if mask is not None and mask.ndim == 3 else mask


def _stacked(found: list[Match]) -> Match:
    """One result for a batch; recall over all items' samples."""
    if not found:
        raise ValueError("the batch is empty")
    first = found[0]
    sample = sum(m.recall_sample for m in found)
    recall = sum(m.recall * m.recall_sample for m in found) / sample if sample else 1.0
    return Match(
        torch.stack([m.index for m in found]),
        torch.stack([m.similarity for m in found]),
        first.grid,
        first.reference_grid,
        first.approximation,
        recall,
        sample,
        first.centre,
    )
