"""EDVR's architecture as data, and how a checkpoint tells it; the defaults are EDVR M."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDE = 64
"""Channels after the second enlargement, in every published net."""
MASKS = 27
"""Offsets and masks of a deformable group."""


@dataclass(frozen=True)
class EdvrConfig:
    """Frames are LR images around the one that is restored; ValueError for an even number of them."""

    channels: int = 64
    frames: int = 5
    groups: int = 8
    extract_blocks: int = 5
    restore_blocks: int = 10
    tsa: bool = True
    """Temporal and spatial attention; else one 1x1 convolution fuses the frames."""

    def __post_init__(self) -> None:
        if self.frames < 1 or self.frames % 2 == 0:
            raise ValueError(f"frames={self.frames} must be odd: as many before the image as behind it")
        if self.groups < 1 or self.channels % self.groups:
            raise ValueError(f"channels={self.channels} must be a multiple of groups={self.groups}")

    @property
    def centre(self) -> int:
        """Number of the frame that is restored."""
        return self.frames // 2


M = EdvrConfig()
L_REDS = EdvrConfig(channels=128, restore_blocks=40)
L_VIMEO = EdvrConfig(channels=128, frames=7, restore_blocks=40)


def config_of(shapes: Mapping[str, Sequence[int]]) -> EdvrConfig:
    """The configuration whose net has tensors of these ``shapes`` (names of BasicSR).

    KeyError or ValueError when they are not EDVR's; whether all fit is for strict loading to say.
    """
    channels = shapes["conv_first.weight"][0]
    tsa = "fusion.feat_fusion.weight" in shapes
    fused = shapes["fusion.feat_fusion.weight" if tsa else "fusion.weight"][1]
    return EdvrConfig(
        channels,
        fused // channels,
        shapes["pcd_align.dcn_pack.l3.conv_offset.weight"][0] // MASKS,
        _blocks("feature_extraction", shapes),
        _blocks("reconstruction", shapes),
        tsa,
    )


def _blocks(name: str, shapes: Mapping[str, Sequence[int]]) -> int:
    return sum(key.startswith(f"{name}.") and key.endswith(".conv1.weight") for key in shapes)
