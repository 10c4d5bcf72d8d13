"""SRNTT's architecture as data; the defaults are those of the PyTorch port."""

from __future__ import annotations

from dataclasses import dataclass

from refbench.nets.three_levels import Triple


@dataclass(frozen=True)
class SrnttConfig:
    """Sizes of texture features and restoration."""

    ngf: int = 64
    n_blocks: int = 16
    """Residual blocks of the content extractor and of each level."""
    channels: Triple = (64, 128, 256)
    """Channels of the texture features, finest first (VGG19 as published)."""
    use_weights: bool = True
    """Textures are weighed by how similar their matches are (the tensors ``a`` and ``b``)."""


PORT = SrnttConfig()
"""5,746,252 parameters."""
UNWEIGHTED = SrnttConfig(use_weights=False)
"""5,746,246 parameters."""
