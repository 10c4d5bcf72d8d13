"""``multi=average``: a baseline that gives any single-reference net several references.

The net runs once with each reference. The K images are averaged per pixel, each weighed by the posterior
probability that its match is the right one: a softmax over references of the match confidence. Nothing in
the net changes, so a net that truly fuses several references must do better than this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from refbench.matching.observing import also_observing
from refbench.matching.offsets import index_to_flow
from refbench.matching.result import Match
from refbench.nets.online_softmax import OnlineSoftmax
from refbench.nets.trust import coherence
from refbench.types import Input

SHARPNESS = 10.0
"""Confidences that differ by 0.1 make the better reference e times as likely."""


def confidence(found: Match) -> Tensor:
    """(h, w) in [0, 1] at LR scale: similarity of the matches times the share of neighbours that move alike.

    Similarity alone does not tell a true match from a look-alike; true matches are coherent. The rim, where
    there is no whole patch, has the confidence of its neighbours.
    """
    index, similarity = found.index, found.similarity
    if index.ndim == 4:
        index, similarity = index[0], similarity[0]
    flow = index_to_flow(index[:1], found.reference_grid[1], padded=0)
    value = similarity[:1].float().clamp(min=0.0)[None] * coherence(flow)
    return F.pad(value, (found.centre,) * 4, mode="replicate")[0, 0]


def averaged(inp: Input, once: Callable[[Input], Tensor]) -> Tensor:
    """SR (3, s*H, s*W): the outputs of ``once`` for each reference of ``inp`` alone, fused.

    The confidence is that of the coarsest match that ``once`` makes. ``inp`` has two or more references.
    """
    mixture = OnlineSoftmax()
    height, width = inp.lr.shape[1:]
    for number, reference in enumerate(inp.refs):
        found: list[Match] = []
        names = inp.ref_names[number : number + 1]
        with also_observing(found.append):
            sr = once(dataclasses.replace(inp, refs=(reference,), ref_names=names))
        coarsest = min(found, key=lambda match: match.grid[0] * match.grid[1])
        # nets pad LR at the bottom and right
        score = confidence(coarsest)[None, None, :height, :width] * SHARPNESS
        score = F.interpolate(score, size=sr.shape[1:], mode="bilinear", align_corners=False)
        mixture.add(score.to(sr.device), sr[None])
    fused = mixture.mixed()
    assert fused is not None
    return fused[0]
