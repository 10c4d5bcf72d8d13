"""Sizes of edvr_ref; there is no published net, so the default is the one that is trained here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EdvrRefConfig:
    """ValueError when groups do not fit the channels."""

    channels: int = 24
    groups: int = 8
    """Deformable groups; divide ``channels``."""
    extract_blocks: int = 2
    """Residual blocks of the features."""
    restore_blocks: int = 4
    """Residual blocks after the fusion."""
    base: Literal["bilinear", "bicubic"] = "bicubic"
    """Enlargement that the net adds its residual to. EDVR has bilinear; bicubic is what the other compact
    nets start from."""

    def __post_init__(self) -> None:
        if self.groups < 1 or self.channels % self.groups:
            raise ValueError(f"channels={self.channels} must be a multiple of groups={self.groups}")


COMPACT = EdvrRefConfig()
"""497,259 parameters."""
LARGER = EdvrRefConfig(channels=64, extract_blocks=5, restore_blocks=10)
"""The sizes of EDVR M."""
