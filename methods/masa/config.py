"""MASA's architecture as data; the defaults are the released net."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MasaConfig:
    """Sizes of the shared encoder and of the decoder, and how the two-step search cuts its blocks."""

    nf: int = 64
    encoder_blocks: int = 4
    """Residual blocks of each of the encoder's three levels."""
    lr_blocks: int = 2
    """Residual blocks at each level of the decoder's LR branch."""
    fusion_blocks: tuple[int, int, int] = (12, 8, 4)
    """Residual blocks after the fusion at x1, x2 and x4."""
    block: int = 8
    """LR pixels a side of one search block; at least 8, so that the widest dilation stays inside."""
    dilations: tuple[int, ...] = (1, 2, 3)
    """Of the 3x3 samples that stand for a block in the coarse search; their similarities are summed."""
    spread: float = 1.5
    """Side of a block's search window, in shares of the reference that a block would cover."""


RELEASED = MasaConfig()
"""nf 64, one neighbour (num_nbr 1), as published: 4,028,291 parameters."""
