"""EDVR under ``memory.limit``: what it holds between its passes."""

from __future__ import annotations

from refbench.nets.edvr_trunk import EXTRACT_LR, FUSE, PYRAMID, encoder_pass, reconstruct_pass
from refbench.nets.needs import FLOAT, SLACK, Sizes
from refbench.nets.pcd import align_passes
from refbench.nets.spatial_attention import REACH
from refbench.tiling import Pass

from .config import WIDE, EdvrConfig


def passes(config: EdvrConfig, sizes: Sizes) -> list[Pass]:
    """Every pass of one call."""
    c, lr, frames = config.channels, sizes.lr, config.frames
    # pyramids of all frames and what is aligned of them, the maps of one alignment, the fused features
    held = sizes.images + FLOAT * c * sizes.pixels * ((PYRAMID + 1) * frames + 6)
    return [
        encoder_pass(EXTRACT_LR, lr, c, config.extract_blocks, held, hr=False),
        *align_passes(lr, c, config.groups, held),
        Pass(FUSE, lr, FLOAT * SLACK * (3 * frames + 12) * c, held, REACH, align=4),
        reconstruct_pass(lr, c, WIDE, config.restore_blocks, held),
    ]
