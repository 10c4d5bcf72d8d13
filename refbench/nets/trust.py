"""How far hard matches can be trusted, and a gate that closes on those that cannot.

A cosine similarity alone does not tell a true match from a look-alike: after a ReLU it is near one almost
everywhere. True correspondences are coherent, look-alikes point anywhere. Neither C2-Matching nor TTSR has
this; the compact forms do, because an unrelated reference must not hurt.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.vgg import conv3x3

CHANNELS = 2
"""Similarity and coherence."""
SIDE = 7
REACH = 1.5
"""Matched pixels by which neighbours may move differently and still move alike: covers rotations and scales
of about a half over the side of 7, where the mean neighbour is 2 to 3 pixels away."""


def coherence(flow: Tensor) -> Tensor:
    """Share of the SIDE x SIDE neighbours that move alike, (B, 1, h, w) in [0, 1].

    ``flow`` (B, h, w, 2): displacement to the match in pixels of the same grid. Neighbours outside count
    as the nearest pixel inside.
    """
    planes = flow.permute(0, 3, 1, 2).float()
    batch, _, height, width = planes.shape
    grown = F.pad(planes, (SIDE // 2,) * 4, mode="replicate")
    around = F.unfold(grown, SIDE).view(batch, 2, SIDE * SIDE, height, width)
    alike = ((around - planes.unsqueeze(2)).abs() < REACH).all(dim=1, keepdim=True)
    return alike.float().mean(dim=2)


def trust_map(flow: Tensor, similarity: Tensor) -> Tensor:
    """(B, CHANNELS, h, w): ``similarity`` (B, 1, h, w) and the coherence of ``flow`` (B, h, w, 2)."""
    return torch.cat((similarity.float(), coherence(flow)), dim=1)


class TrustGate(nn.Module):
    """Trust (B, CHANNELS, h, w) -> gate (B, 1, h, w) in (0, 1), for texture of those positions."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv1 = conv3x3(CHANNELS, width)
        self.conv2 = conv3x3(width, 1)
        # open at first: the texture path must get its gradient before the gate can judge it
        if self.conv2.bias is not None:
            nn.init.constant_(self.conv2.bias, 1.0)

    def forward(self, trust: Tensor) -> Tensor:
        """The gate at the resolution of the matches."""
        return torch.sigmoid(self.conv2(F.leaky_relu(self.conv1(trust), 0.1)))


def gate_at(gate: Tensor, factor: int) -> Tensor:
    """The gate on a grid ``factor`` times finer, bilinear."""
    if factor == 1:
        return gate
    return F.interpolate(gate, scale_factor=factor, mode="bilinear", align_corners=False)
