"""edvr_ref under ``memory.limit``: what it holds between its passes."""

from __future__ import annotations

from refbench.nets.edvr_trunk import (
    EXTRACT_LR,
    EXTRACT_REFERENCE,
    FUSE,
    PYRAMID,
    encoder_pass,
    reconstruct_pass,
)
from refbench.nets.needs import FLOAT, SLACK, Sizes
from refbench.nets.pcd import align_passes
from refbench.nets.spatial_attention import REACH
from refbench.tiling import Pass

from .config import EdvrRefConfig


def passes(config: EdvrRefConfig, sizes: Sizes) -> list[Pass]:
    """Every pass of one call; ``sizes.references`` are those that were fitted to the LR."""
    c, lr = config.channels, sizes.lr
    # pyramids of all references and of the LR, embedded features, one aligned map, the running mixture
    held = sizes.images + FLOAT * c * sizes.pixels * (PYRAMID * (len(sizes.references) + 1) + 8)
    return [
        encoder_pass(EXTRACT_LR, lr, c, config.extract_blocks, held, hr=False),
        encoder_pass(EXTRACT_REFERENCE, lr, c, config.extract_blocks, held, hr=True),
        *align_passes(lr, c, config.groups, held),
        Pass(FUSE, lr, FLOAT * SLACK * 12 * c, held, REACH, align=4),
        reconstruct_pass(lr, c, c, config.restore_blocks, held),
    ]
