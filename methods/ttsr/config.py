"""TTSR's architecture as data; the defaults are the released net."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TtsrConfig:
    """Sizes of the learnable texture extractor (LTE) and of the restoration net."""

    n_feats: int = 64
    blocks: tuple[int, int, int, int] = (16, 16, 8, 4)
    """Residual blocks of SFE, of level 1, and of each branch of levels 2 and 3."""
    lte_channels: tuple[int, int, int] = (64, 128, 256)
    """relu1_1, relu2_1, relu3_1 of the extractor, finest first."""
    res_scale: float = 1.0
    base: str = "none"
    """``bicubic``: the net adds to the upsampled LR, which a short training needs; ``none`` as released."""
    trust_gate: bool = False
    """The relevance S is multiplied by a gate that sees how coherent matches are (see refbench.nets.trust):
    after a ReLU, S alone is near one everywhere. Not in the paper or the released code."""
    clamp: bool = True
    """Clamp the output to [-1, 1], as released; training wants the gradient outside too."""


RELEASED = TtsrConfig()
"""num_res_blocks 16+16+8+4, n_feats 64 as published."""

COMPACT = TtsrConfig(
    n_feats=20,
    blocks=(12, 4, 2, 1),
    lte_channels=(8, 16, 32),
    base="bicubic",
    trust_gate=True,
    clamp=False,
)
"""The released form, small, over a bicubic base and with a gate on untrustworthy matches: what the bundled
weights are."""
