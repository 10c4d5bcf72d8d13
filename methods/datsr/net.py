"""DATSR's restoration net: reference-based deformable attention and residual feature aggregation in a U-Net.

Paper: Cao et al., "Reference-based Image Super-Resolution with Deformable Attention Transformer",
ECCV 2022. Level names follow the checkpoint: large (HR), medium (HR/2), small (HR/4).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refbench.nets.correspondence import LevelMatch
from refbench.nets.dyn_agg import DynamicAggregation
from refbench.nets.layout import fast_layout
from refbench.nets.residual import LEAK, ContentExtractor, leaky, residual_body, upsampler
from refbench.nets.vgg import conv3x3
from refbench.nets.warp import copy_by_flow, fit_under, flow_warp
from refbench.stages import stage
from refbench.tiling import Window, tiled, whole

from .config import DatsrConfig
from .swin import SwinLayers

LEVEL_NAMES = ("large", "medium", "small")
DOWN_LARGE, DOWN_MEDIUM = "down large", "down medium"
UP_SMALL, UP_MEDIUM, UP_LARGE = "up small", "up medium", "up large"


class DeformableRestoration(nn.Module):
    """The U-Net under the official key ``dyn_agg_restore``."""

    def __init__(self, config: DatsrConfig) -> None:
        super().__init__()
        self.config = config
        large, medium, small = config.widths
        self.unet_head = conv3x3(3, large)
        down = (("down", 0), ("down", 1)) if config.attend_down else ()
        for side, level in (*down, ("up", 2), ("up", 1), ("up", 0)):
            self._add_stage(side, level)
        self.down_tail_large = conv3x3(large, medium, stride=2)
        self.down_tail_medium = conv3x3(medium, small, stride=2)
        self.up_tail_small = upsampler(small, medium)
        self.up_tail_medium = upsampler(medium, large)
        self.up_tail_large = nn.Sequential(
            conv3x3(large, max(large // 2, 1)), leaky(), conv3x3(max(large // 2, 1), 3)
        )

    def _add_stage(self, side: str, level: int) -> None:
        """Offset branch, deformable aggregation, head and body of one stage, under official names."""
        config, name = self.config, f"{side}_{{}}_{LEVEL_NAMES[level]}"
        width, channels = config.widths[level], config.channels[level]
        texture = channels * (2 if config.concat_unwarped else 1) + (3 if config.confidence_input else 0)
        prefix = f"{side}_{LEVEL_NAMES[level]}"
        self.add_module(f"{prefix}_offset_conv1", conv3x3(width + texture, channels))
        self.add_module(f"{prefix}_offset_conv2", conv3x3(channels, channels))
        self.add_module(
            f"{prefix}_dyn_agg",
            DynamicAggregation(
                channels,
                config.groups,
                config.max_residue,
                config.similarity_in_mask,
                config.learned_offsets,
                config.learned_mask,
            ),
        )
        self.add_module(name.format("head"), nn.Sequential(conv3x3(width + channels, width), leaky()))
        body: nn.Module
        if config.aggregation[level] == "swin":
            nominal = config.nominal[level] if config.nominal is not None else None
            body = SwinLayers(
                width,
                config.depths[level],
                config.heads[level],
                config.window,
                config.mlp_ratio,
                config.drop_path,
                nominal,
            )
        else:
            body = residual_body(width, config.residual_blocks[level])
        self.add_module(name.format("body"), body)

    def attend(self, prefix: str, x: Tensor, texture: Tensor, match: LevelMatch) -> Tensor:
        """A_l: texture gathered for features ``x`` (B, width, H, W) from ``texture`` (B, C, h, w).

        Each of the K matches has its own offset branch and aggregation (shared weights); they are
        mixed by the softmax of their similarities, per pixel.
        """
        conv1 = self.get_submodule(f"{prefix}_offset_conv1")
        conv2 = self.get_submodule(f"{prefix}_offset_conv2")
        aggregate = self.get_submodule(f"{prefix}_dyn_agg")
        # refined flows point between pixels
        warp = flow_warp if self.config.matching == "refined" else copy_by_flow
        size = (x.shape[2], x.shape[3])
        unwarped = [fit_under(texture, size, match.origin)] if self.config.concat_unwarped else []
        count = match.flow.shape[1]
        weights = torch.softmax(match.similarity / self.config.temperature, dim=1) if count > 1 else None
        total: Tensor | None = None
        for k in range(count):
            seen = [x, warp(texture, match.flow[:, k], match.origin), *unwarped]
            if self.config.confidence_input and match.confidence is not None:
                seen.append(match.confidence[:, k])
            branch = F.leaky_relu_(conv1(torch.cat(seen, dim=1)), LEAK)
            branch = F.leaky_relu_(conv2(branch), LEAK)
            gathered = aggregate(
                texture, branch, match.pre_offset[:, k], match.similarity[:, k], match.origin
            )
            gathered = F.leaky_relu_(gathered, LEAK)
            if weights is not None:
                gathered = gathered * weights[:, k]
            total = gathered if total is None else total + gathered
        assert total is not None
        return total

    def step(
        self,
        side: str,
        level: int,
        x: Tensor,
        texture: Tensor,
        match: LevelMatch,
        skip: Tensor | None = None,
    ) -> Tensor:
        """One stage: attention on ``x``, then aggregation of [x + skip, A_l]; ``x`` is the residual.

        The released net adds the stage's input itself back, without the skip connection, and its
        offset branch does not see the skip either.
        """
        name = LEVEL_NAMES[level]
        with stage("transfer"):
            attended = self.attend(f"{side}_{name}", x, texture, match)
        with stage("restore"):
            joined = torch.cat([x if skip is None else x + skip, attended], dim=1)
            head = self.get_submodule(f"{side}_head_{name}")
            body = self.get_submodule(f"{side}_body_{name}")
            out: Tensor = body(head(joined)) + x
        return out

    def forward(self, base: Tensor, textures: Sequence[Tensor], matches: Sequence[LevelMatch]) -> Tensor:
        """Residual (B, 3, 4H, 4W) for the upsampled LR ``base``; levels are listed finest first.

        Each pass ends in a map at LR or HR/2 size, so that under a memory limit only one level at a time
        exists in windows (see tiling.py for their halos); HR-sized maps exist inside a window only.
        """
        size_hr = (base.shape[2], base.shape[3])
        small, medium = ((size_hr[0] // f, size_hr[1] // f) for f in (4, 2))

        def head(window: Window) -> Tensor:
            with stage("restore"):
                out: Tensor = self.unet_head(fast_layout(window.of(base)))
            return out

        # computed once where one window is all there is; a window's part is cheap to compute again
        x0 = head(Window(0, 0, *size_hr)) if all(whole(p, medium) for p in (DOWN_LARGE, UP_LARGE)) else None

        def head_under(window: Window) -> Tensor:
            return head(window) if x0 is None else x0

        def attended(side: str, level: int, x: Tensor, window: Window, skip: Tensor | None = None) -> Tensor:
            return self.step(side, level, x, textures[level], matches[level].under(window), skip)

        def down_large(window: Window) -> list[Tensor]:
            fine = window.times(2)
            x = head_under(fine)
            if self.config.attend_down:
                x = attended("down", 0, x, fine)
            with stage("restore"):
                return [self.down_tail_large(x)]

        def down_medium(window: Window) -> list[Tensor]:
            fine = window.times(2)
            x = fine.of(x1)
            if self.config.attend_down:
                x = attended("down", 1, x, fine)
            with stage("restore"):
                return [self.down_tail_medium(x)]

        def up_small(window: Window) -> list[Tensor]:
            return [attended("up", 2, window.of(x2), window)]

        def up_medium(window: Window) -> list[Tensor]:
            fine = window.times(2)
            with stage("restore"):
                x = self.up_tail_small(window.of(y2))
            return [attended("up", 1, x, fine, skip=fine.of(x1))]

        def up_large(window: Window) -> list[Tensor]:
            fine = window.times(2)
            with stage("restore"):
                x = self.up_tail_medium(window.of(y1))
            x = attended("up", 0, x, fine, skip=head_under(fine))
            with stage("restore"):
                return [self.up_tail_large(x)]

        (x1,) = tiled(DOWN_LARGE, medium, down_large)
        (x2,) = tiled(DOWN_MEDIUM, small, down_medium)
        (y2,) = tiled(UP_SMALL, small, up_small)
        (y1,) = tiled(UP_MEDIUM, small, up_medium, (2,))
        (out,) = tiled(UP_LARGE, medium, up_large, (2,))
        return out


class DatsrNet(nn.Module):
    """The restoration checkpoint (``net_g``): the dead content extractor and the U-Net."""

    def __init__(self, config: DatsrConfig) -> None:
        super().__init__()
        self.config = config
        if config.dead_content_extractor:
            self.content_extractor = ContentExtractor(config.widths[2], config.content_blocks)
        self.dyn_agg_restore = DeformableRestoration(config)

    def forward(self, lr: Tensor, textures: Sequence[Tensor], matches: Sequence[LevelMatch]) -> Tensor:
        """SR (B, 3, 4H, 4W), not clamped, from ``lr`` (B, 3, H, W) in [0, 1]."""
        with stage("restore"):
            base = F.interpolate(lr, scale_factor=4, mode=self.config.base, align_corners=False)
        out: Tensor = self.dyn_agg_restore(base, textures, matches)
        with stage("restore"):
            return out + base
