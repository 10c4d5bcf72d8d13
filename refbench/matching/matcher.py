"""``match``: the K most similar reference patches of every query patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from refbench.matching.features import Features, prepare
from refbench.matching.masks import position_mask
from refbench.matching.plan import Problem, plan
from refbench.matching.result import Match
from refbench.matching.running import RunningBest
from refbench.matching.stream import stream
from refbench.matching.strided import stream_unfolded

FlavourName: TypeAlias = Literal["c2", "ttsr"]
Over: TypeAlias = Literal["auto", "pixels", "patches"]


@dataclass(frozen=True)
class Flavour:
    """How an official matcher normalises."""

    per_pixel: bool
    """L2-normalise the channels of every pixel first."""
    pads: bool
    """Zero-pad by patch // 2, so that every pixel has a patch; otherwise none."""
    epsilon: float
    additive: bool
    """Divide by norm + epsilon (C2-Matching) rather than by max(norm, epsilon) (TTSR)."""

    def inverse(self, norm: Tensor) -> Tensor:
        """1 / guarded norm, in the dtype of ``norm``."""
        guarded = norm + self.epsilon if self.additive else norm.clamp(min=self.epsilon)
        return guarded.reciprocal()


FLAVOURS: dict[str, Flavour] = {
    # C2-Matching and DATSR, methods specification 1.0, items 1 to 4
    "c2": Flavour(per_pixel=True, pads=False, epsilon=1e-5, additive=True),
    # TTSR SearchTransfer, methods specification 1.3
    "ttsr": Flavour(per_pixel=False, pads=True, epsilon=1e-12, additive=False),
}
EQUAL_WEIGHTS = 4e-7
"""Relative spread of the reference patch norms below which they are rounding noise of one value."""


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
    normalise_similarity: bool = True,
) -> Match:
    """Find the K reference patches with the highest cosine similarity, exactly, in bounded memory.

    query: (C, H, W) or (B, C, H, W); reference: (C, Hr, Wr) or (B, C, Hr, Wr), any size; floating point
    (computed in float32). Positions are the top-left corners of ``patch`` x ``patch`` windows at every
    ``stride`` pixels of the map, which is zero-padded by ``padding`` first (default: 0 for ``c2``,
    patch // 2 for ``ttsr``).

    flavour ``c2`` (C2-Matching, DATSR): channels of each pixel L2-normalised with max(norm, 1e-12), the
    reference patch divided by norm + 1e-5, the similarity by the query patch's norm + 1e-5. ``ttsr``: no
    pixel normalisation, patches divided by max(norm, 1e-12). ``normalise_similarity=False`` leaves the
    query patch's norm in (the index is not affected).

    query_valid, reference_valid: bool masks, (H, W) over pixels or (h', w') over patch positions, with a
    leading B if they differ in a batch; see :func:`refbench.matching.masks.position_mask`. A masked
    reference position is never matched; a masked query position gets index -1 and similarity 0.

    memory_mb bounds the working memory beyond inputs and result; the result does not depend on it.
    No gradients flow through the result. Raises ValueError for non-finite features, for a reference with
    fewer than ``k`` valid positions, for sizes that do not fit, and for a ``memory_mb`` that is too small.
    """
    if flavour not in FLAVOURS:
        raise ValueError(f"flavour {flavour!r} is unknown; known: {', '.join(FLAVOURS)}")
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
        return _match_one(
            q, r, k, patch, stride, style, pad, q_mask, r_mask, valid_over, memory_mb, normalise_similarity
        )

    if query.ndim == 3:
        return one(query, reference, query_valid, reference_valid)
    found = [
        one(query[b], reference[b], _item(query_valid, b), _item(reference_valid, b))
        for b in range(query.shape[0])
    ]
    return Match(
        torch.stack([m.index for m in found]),
        torch.stack([m.similarity for m in found]),
        found[0].grid,
        found[0].reference_grid,
    )


def reads_back(device: torch.device) -> bool:
    """Whether looking at intermediate values is free, which it is not where it waits for a queue."""
    return device.type == "cpu"


def _item(mask: Tensor | None, b: int) -> Tensor | None:
    return mask[b] if mask is not None and mask.ndim == 3 else mask


def _match_one(
    query: Tensor,
    reference: Tensor,
    k: int,
    patch: int,
    stride: int,
    style: Flavour,
    padding: int,
    query_valid: Tensor | None,
    reference_valid: Tensor | None,
    over: Over,
    memory_mb: float,
    normalise: bool,
) -> Match:
    def measured(raw: Tensor, name: str) -> Features:
        return prepare(raw, name=name, patch=patch, stride=stride, padding=padding, per_pixel=style.per_pixel)

    def positions(mask: Tensor | None, features: Features, name: str) -> Tensor | None:
        if mask is None:
            return None
        height, width = features.raw.shape[1:]
        grid = (features.patch_norm.shape[0], features.patch_norm.shape[1])
        return position_mask(
            mask.to(features.raw.device),
            name=name,
            pixels=(height, width),
            grid=grid,
            patch=patch,
            stride=stride,
            padding=padding,
            over=over,
        )

    fq, fr = measured(query, "query"), measured(reference, "reference")
    valid = positions(reference_valid, fr, "reference_valid")
    queried = positions(query_valid, fq, "query_valid")
    usable = fr.patch_norm.numel() if valid is None else int(valid.sum())
    if usable < k:
        raise ValueError(
            f"k={k} needs as many reference positions, but {usable} are valid "
            f"(reference {fr.raw.shape[1]}x{fr.raw.shape[2]}, patch {patch}, stride {stride})"
        )
    device = fq.raw.device
    grid = (fq.patch_norm.shape[0], fq.patch_norm.shape[1])
    reference_grid = (fr.patch_norm.shape[0], fr.patch_norm.shape[1])
    inverse = style.inverse(fr.patch_norm)
    # one read-back that spares a pass over all scores; on CUDA the pass is cheaper than the wait
    equal = reads_back(device) and stride == 1 and valid is None
    equal = equal and bool(inverse.min() >= inverse.max() * (1 - EQUAL_WEIGHTS))
    best = RunningBest(grid, k, device, sparse=reads_back(device))
    problem = Problem(query.shape[0], (fq.height, fq.width), (fr.height, fr.width), patch)
    if stride > 1:
        stream_unfolded(fq, fr, inverse, valid, problem, stride, memory_mb, best)
    else:
        tiles = plan(problem, memory_mb, k=k, cuda=not reads_back(device), threads=torch.get_num_threads())
        weight, penalty = (None, None) if equal else _weights(inverse, valid, fr.width)
        stream(fq, fr, weight, penalty, problem, tiles, best)
    value = best.value
    if equal:
        value = value * inverse.mean().float()
    if normalise:
        value = value * style.inverse(fq.patch_norm).float()
    index = best.index
    if queried is not None:
        index = torch.where(queried, index, -1)
        value = torch.where(queried, value, 0.0)
    return Match(index, value, grid, reference_grid)


def _weights(inverse: Tensor, valid: Tensor | None, width: int) -> tuple[Tensor, Tensor]:
    """(weight, penalty), float32 (hr', Wr): columns beyond the grid and masked positions score -inf."""
    rows, columns = inverse.shape
    weight = torch.zeros(rows, width, device=inverse.device)
    weight[:, :columns] = inverse
    penalty = torch.full((rows, width), -torch.inf, device=inverse.device)
    penalty[:, :columns] = 0.0 if valid is None else torch.where(valid, 0.0, -torch.inf)
    return weight, penalty
