"""MRefSR's architecture as data; the defaults are the released net."""

from __future__ import annotations

from dataclasses import dataclass

from refbench.nets.three_levels import COMPACT_LEVELS, LevelConfig


@dataclass(frozen=True)
class MRefConfig(LevelConfig):
    """Sizes of extractor, textures and restoration net.

    Each reference has a trust gate of its own, and the softmax over references weighs with the gates: alone
    it cannot say that none of the references is of use.
    """


RELEASED = MRefConfig()
"""As published: 23,711,633 parameters."""

COMPACT = MRefConfig(**vars(COMPACT_LEVELS))
"""The released form in the sizes of compact C2-Matching, with a gate on untrustworthy matches."""
