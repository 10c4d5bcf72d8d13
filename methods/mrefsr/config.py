"""MRefSR's architecture as data; the defaults are the released net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Triple = tuple[int, int, int]
"""One value per level, finest first: relu1_1 (HR), relu2_1 (HR/2), relu3_1 (HR/4)."""


@dataclass(frozen=True)
class MRefConfig:
    """Sizes of extractor, textures and restoration net. ValueError when groups do not fit the channels."""

    ngf: int = 64
    n_blocks: int = 16
    """Residual blocks of the content extractor."""
    level_blocks: Triple = (16, 16, 16)
    """Residual blocks of each level's body."""
    channels: Triple = (64, 128, 256)
    """Channels of the texture features V_l (VGG19 in the released code)."""
    extractor_channels: Triple = (64, 128, 256)
    """Channels of the correspondence trunks; the last is what is matched."""
    shared_extractor: bool = False
    groups: int = 8
    base: Literal["bilinear", "bicubic"] = "bilinear"
    trust_gate: bool = False
    """Each reference's texture is multiplied by a gate that sees how coherent its matches are (see
    refbench.nets.trust), and the softmax over references weighs with it. The softmax alone cannot say that
    none of the references is of use. Not in the paper or the released code."""

    def __post_init__(self) -> None:
        if any(c % self.groups for c in self.channels):
            raise ValueError(f"channels {self.channels} must be multiples of groups={self.groups}")


RELEASED = MRefConfig()
"""As published: 23,711,633 parameters."""

COMPACT = MRefConfig(
    ngf=24,
    n_blocks=12,
    level_blocks=(4, 3, 1),
    channels=(8, 16, 32),
    extractor_channels=(12, 24, 32),
    groups=2,
    base="bicubic",
    trust_gate=True,
)
"""The released form in the sizes of compact C2-Matching, with a gate on untrustworthy matches."""
