"""Several references for nets that were made for one: stitched images, the best one, or the best per patch.

``per_patch`` encodes each reference on its own and lays the feature maps under each other, with a row
between them that cannot be matched: one search over all references, exact (a patch never crosses a seam, and
no feature has seen two images). ``stitch`` lays the images under each other on black, as TTSR's users do:
features near a seam then see both images. ``average`` runs the net once per reference, see
refbench.nets.average.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from refbench.errors import UserError
from refbench.nets.options import MULTI

GAP = 1
"""Rows between two references, at the coarsest level."""


def checked_multi(method: str, multi: object, padding: str = "inside") -> str:
    """``multi`` as a known name that goes with ``padding``; UserError otherwise."""
    if multi not in MULTI:
        raise UserError(f"method.multi={multi} of {method}: give one of {', '.join(MULTI)}")
    if multi not in ("first", "average") and padding != "inside":
        raise UserError(f"method.multi={multi} of {method} goes with method.padding=inside only")
    return str(multi)


def checked_fuse(method: str, multi: object) -> str:
    """``multi`` of a net that fuses any number of references itself; UserError for anything else."""
    if multi != "fuse":
        raise UserError(f"method.multi={multi} of {method}: it takes any number of references; give fuse")
    return "fuse"


class Compares(Protocol):
    """A net that can say how well a reference's features F suit an image."""

    def similarity(self, upsampled: Tensor, reference: Any) -> Tensor:
        """Best similarities (B, 1, h, w) for the upsampled LR (B, 3, 4H, 4W)."""
        ...


def stitch(images: Sequence[Tensor]) -> Tensor:
    """Images (3, h_i, w_i) under each other, black to the right of the narrower ones: (3, sum h, max w)."""
    width = max(i.shape[2] for i in images)
    return torch.cat([F.pad(i, (0, width - i.shape[2])) for i in images], dim=1)


def join_maps(maps: Sequence[Tensor], factor: int) -> Tensor:
    """Feature maps (B, C, h_i, w_i) under each other, zeros between them and to their right.

    ``factor``: pixels of this level per pixel of the coarsest.
    """
    width = max(m.shape[-1] for m in maps)
    padded = [F.pad(m, (0, width - m.shape[-1], 0, GAP * factor)) for m in maps]
    padded[-1] = padded[-1][..., : -GAP * factor, :]
    return torch.cat(padded, dim=-2)


def join_valid(sizes: Sequence[tuple[int, int]], device: torch.device) -> Tensor:
    """(h, w) bool over the joined coarsest map: True on the references, False between and next to them."""
    width = max(w for _, w in sizes)
    rows = []
    for height, own in sizes:
        row = torch.zeros(height + GAP, width, dtype=torch.bool, device=device)
        row[:height, :own] = True
        rows.append(row)
    rows[-1] = rows[-1][:-GAP]
    return torch.cat(rows)


def join_levels(levels: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """The maps of each level (finest first, or the coarsest alone) of several references, joined."""
    depth = len(levels[0])
    return tuple(join_maps([one[i] for one in levels], 2 ** (depth - 1 - i)) for i in range(depth))
