"""edvr_ref under ``memory.limit``: how far each pass sees and what it holds."""

from __future__ import annotations

from refbench.nets.needs import FLOAT, SLACK, Sizes
from refbench.nets.pcd import ALIGN_PASSES, CASCADE
from refbench.tiling import Pass

from .config import EdvrRefConfig
from .net import EXTRACT_LR, EXTRACT_REFERENCE, FUSE, RESTORE

PYRAMID = 1 + 1 / 4 + 1 / 16
"""Pixels of three levels per pixel of the finest."""
SPATIAL_REACH = 24
"""LR pixels that the spatial attention sees: 20 through two pools, two enlargements and its convolutions."""


def align_halo(level: int) -> int:
    """Pixels of a PCD level around a window: its offset convolutions, masks, and what joins the levels."""
    return 3 if level == 3 else 5


def passes(config: EdvrRefConfig, sizes: Sizes) -> list[Pass]:
    """Every pass of one call; ``sizes.references`` are those that were fitted to the LR."""
    c, (height, width) = config.channels, sizes.lr
    lr_map = FLOAT * c * sizes.pixels
    count = len(sizes.references)
    # pyramids of all references and of the LR, embedded features, one aligned map, the running mixture
    held = sizes.images + lr_map * (PYRAMID * (count + 1) + 8)
    coarse = (height // 4, width // 4)
    blocks = 2 * config.extract_blocks
    # LR pixels: stem and blocks, then two levels of a strided and a plain convolution
    reach = -(-(2 + blocks + 1 + 2 + 2 + 4) // 4)
    features = 16 * FLOAT * SLACK * c * 6
    offsets = 27 * config.groups
    columns = 9 * c
    found = [
        Pass(EXTRACT_LR, coarse, features, held, reach),
        Pass(EXTRACT_REFERENCE, coarse, features + 256 * FLOAT * SLACK * (3 + 3 * c), held, reach),
    ]
    for level, name in ALIGN_PASSES.items():
        scale = 2 ** (level - 1)
        size = (height // scale, width // scale)
        per_pixel = FLOAT * SLACK * (10 * c + 2 * offsets + columns)
        found.append(Pass(name, size, per_pixel, held, align_halo(level)))
    found.append(Pass(CASCADE, sizes.lr, FLOAT * SLACK * (8 * c + 2 * offsets + columns), held, 4))
    found.append(Pass(FUSE, sizes.lr, FLOAT * SLACK * 12 * c, held, SPATIAL_REACH, align=4))
    per_pixel = FLOAT * SLACK * (16 * 3 * c + 4 * 4 * c + 48)
    found.append(Pass(RESTORE, sizes.lr, per_pixel, held, 2 * config.restore_blocks + 4))
    return found
