"""Three levels that take texture in, coarse to fine: the frame that SRNTT, C2-Matching and MRefSR share.

Level names follow the checkpoints: small (LR size, relu3_1), medium (relu2_1), large (relu1_1). Each level is
a pass of its own: under a memory limit it runs in windows (see each method's tiling.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.layout import fast_layout
from refbench.stages import stage
from refbench.tiling import Window, tiled

CONTENT, SMALL, MEDIUM, LARGE = "content", "small", "medium", "large"
COARSE_TO_FINE = ((SMALL, 2), (MEDIUM, 1), (LARGE, 0))
"""Name of a level, and its place in lists that are finest first."""

Triple = tuple[int, int, int]
"""One value per level, finest first: relu1_1 (HR), relu2_1 (HR/2), relu3_1 (HR/4)."""

OneLevel = Callable[[str, int, Tensor, Window], Tensor]
"""(name, place, features (B, C, h, w) of the window, window of the level's pixels) -> features."""


@dataclass(frozen=True)
class LevelConfig:
    """Sizes of extractor, textures and a net that gathers textures by deformable convolutions; the defaults
    are the released ones. ValueError when groups do not fit the channels."""

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
    """Texture is multiplied by a gate that sees how coherent the matches are (see refbench.nets.trust), so
    that an unrelated reference does not hurt. In neither paper nor released code."""

    def __post_init__(self) -> None:
        if any(c % self.groups for c in self.channels):
            raise ValueError(f"channels {self.channels} must be multiples of groups={self.groups}")


COMPACT_LEVELS = LevelConfig(
    ngf=24,
    n_blocks=12,
    level_blocks=(4, 3, 1),
    channels=(8, 16, 32),
    extractor_channels=(12, 24, 32),
    groups=2,
    base="bicubic",
    trust_gate=True,
)
"""The sizes of the bundled compact weights."""


def three_levels(net: nn.Module, x: Tensor, one_level: OneLevel) -> Tensor:
    """Residual (B, 3, 4H, 4W) for content features ``x`` (B, ngf, H, W), through ``one_level`` of each level
    and the net's ``tail_small``, ``tail_medium`` and ``tail_large``."""

    def grown(tail: str, window: Window, below: Tensor) -> Tensor:
        with stage("restore"):
            out: Tensor = net.get_submodule(tail)(window.of(below))
        return out

    def small(window: Window) -> list[Tensor]:
        return [one_level(SMALL, 2, window.of(x), window)]

    def medium(window: Window) -> list[Tensor]:
        return [one_level(MEDIUM, 1, grown("tail_small", window, y2), window.times(2))]

    def large(window: Window) -> list[Tensor]:
        out = one_level(LARGE, 0, grown("tail_medium", window, y1), window.times(2))
        with stage("restore"):
            return [net.get_submodule("tail_large")(out)]

    size = (x.shape[2], x.shape[3])
    (y2,) = tiled(SMALL, size, small)
    (y1,) = tiled(MEDIUM, size, medium, (2,))
    (out,) = tiled(LARGE, (2 * size[0], 2 * size[1]), large, (2,))
    return out


def content_and_base(extractor: nn.Module, lr: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """(content features (B, ngf, H, W), LR enlarged to (B, 3, 4H, 4W)) of ``lr`` (B, 3, H, W) in [0, 1]."""
    with stage("restore"):
        base = F.interpolate(lr, scale_factor=4, mode=mode, align_corners=False)
        (content,) = tiled(
            CONTENT, (lr.shape[2], lr.shape[3]), lambda window: [extractor(fast_layout(window.of(lr)))]
        )
    return content, base
