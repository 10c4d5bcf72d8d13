"""C2-Matching's architecture as data; the defaults are the released net."""

from __future__ import annotations

from dataclasses import dataclass

from refbench.nets.three_levels import COMPACT_LEVELS, LevelConfig


@dataclass(frozen=True)
class C2Config(LevelConfig):
    """Sizes of extractor, textures and restoration net."""


RELEASED = C2Config()
"""RestorationNet(ngf=64, n_blocks=16, groups=8) as published: 8,865,547 parameters."""

COMPACT = C2Config(**vars(COMPACT_LEVELS))
"""The released form, small, with a gate on untrustworthy matches: what the bundled weights are."""
