"""DATSR's architecture as data: the released net, the paper's form and its ablations are configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Triple = tuple[int, int, int]
"""One value a level, finest first: relu1_1 (HR, "large"), relu2_1 (HR/2), relu3_1 (HR/4, "small")."""


@dataclass(frozen=True)
class DatsrConfig:
    """Every ingredient of DATSR as a switch; the defaults are the released code.

    ValueError for combinations that no net can have.
    """

    widths: Triple = (128, 128, 128)
    """Channels of the U-Net at each level (``ngf``)."""
    channels: Triple = (64, 128, 256)
    """Channels of the value features V_l (VGG19 in the released code)."""
    extractor_channels: Triple = (64, 128, 256)
    """Channels of the query and key encoder; the last is what is matched."""
    shared_extractor: bool = False
    """Q and K from one encoder with the same weights (paper) instead of two."""
    matching: Literal["single", "per_level", "refined"] = "single"
    """One match at LR scale, carried to the other levels (released); one per level, exhaustive (paper); or
    one per level within a window about the coarser one (see refbench.nets.refine)."""
    top_k: int = 1
    """K most relevant positions, mixed by the softmax of their similarities (paper: s_i^k)."""
    temperature: float = 1.0
    """Divides the similarities before the softmax over K; the paper has none."""
    confidence_input: bool = False
    """The offset branch also sees how far each match can be trusted (LevelMatch.confidence), so that the
    mask can close on an unrelated reference; needs ``matching="refined"``. In neither paper nor code."""
    align_colours: bool = False
    """Fit the reference's colours to the LR's through the matches before texture is taken from it, and match
    again where that changed it (see methods/datsr/photometric.py); needs ``matching="refined"``, changes no
    weight. In neither paper nor code."""
    attend_down: bool = True
    """False: reference-based attention on the way up only, so the way down is plain convolution."""
    groups: int = 8
    max_residue: float = 10.0
    """r in DP = r tanh(...): pixels that a learned offset can reach."""
    learned_offsets: bool = True
    """False: sample at the matches themselves (ablation of the deformable offsets)."""
    learned_mask: bool = True
    """False: no mask M_l (ablation)."""
    similarity_in_mask: bool = True
    """Released: mask = sigmoid(logit * similarity); paper: sigmoid(logit)."""
    concat_unwarped: bool = True
    """Released: offsets from [F, warped V, V]; paper: from [F, warped V]."""
    aggregation: tuple[str, str, str] = ("swin", "swin", "swin")
    """Residual feature aggregation by ``swin`` layers or ``residual`` blocks, per level."""
    depths: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] = ((4, 4), (4, 4), (4, 4))
    heads: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] = ((4, 4), (4, 4), (4, 4))
    residual_blocks: Triple = (2, 2, 2)
    """Blocks of a level whose aggregation is ``residual``."""
    window: int = 8
    mlp_ratio: float = 2.0
    drop_path: float = 0.1
    nominal: Triple | None = (160, 80, 40)
    """Sizes whose mask buffers the official checkpoint stores; None: a checkpoint without them."""
    base: Literal["bilinear", "bicubic"] = "bilinear"
    """How the LR is upsampled under the residual (torch's, not antialiased)."""
    dead_content_extractor: bool = True
    """Keep the 2.4 M parameters that the released net computes with in vain: strict loading needs them."""
    content_blocks: int = 8

    def __post_init__(self) -> None:
        if any(kind not in ("swin", "residual") for kind in self.aggregation):
            raise ValueError(f"aggregation {self.aggregation}: each level is 'swin' or 'residual'")
        if any(c % self.groups for c in self.channels):
            raise ValueError(f"channels {self.channels} must be multiples of groups={self.groups}")
        if self.align_colours and self.matching != "refined":
            raise ValueError('align_colours needs matching="refined"')
        if self.confidence_input and self.matching != "refined":
            raise ValueError('confidence_input needs matching="refined"')
        if self.matching not in ("single", "per_level", "refined"):
            raise ValueError(f"matching {self.matching!r}: give single, per_level or refined")
        if self.base not in ("bilinear", "bicubic"):
            raise ValueError(f"base {self.base!r}: give bilinear or bicubic")

    @property
    def multiple(self) -> int:
        """LR height and width must be multiples of this."""
        if "swin" not in self.aggregation:
            return 1
        # the window must fit the coarsest level that has Swin layers: LR, HR/2 = 2 LR, HR = 4 LR
        factor = {0: 4, 1: 2, 2: 1}[max(i for i, kind in enumerate(self.aggregation) if kind == "swin")]
        return max(1, -(-self.window // factor))


RELEASED = DatsrConfig()
"""SwinUnetv3RestorationNet as published: 18,026,971 parameters."""

PAPER = DatsrConfig(
    shared_extractor=True,
    matching="per_level",
    top_k=3,
    similarity_in_mask=False,
    concat_unwarped=False,
    nominal=None,
    dead_content_extractor=False,
)
"""The form that the paper's equations define, where the released code departs from it."""

COMPACT = DatsrConfig(
    widths=(16, 24, 48),
    channels=(8, 16, 32),
    extractor_channels=(12, 24, 32),
    shared_extractor=True,
    matching="refined",
    top_k=2,
    temperature=0.02,
    confidence_input=True,
    align_colours=True,
    attend_down=False,
    groups=2,
    max_residue=3.0,
    similarity_in_mask=False,
    concat_unwarped=False,
    aggregation=("residual", "residual", "swin"),
    depths=((), (), (4, 4)),
    heads=((), (), (4, 4)),
    residual_blocks=(1, 2, 0),
    drop_path=0.0,
    nominal=None,
    base="bicubic",
    dead_content_extractor=False,
)
"""The paper's form in 0.5 M parameters: what the bundled weights are."""
