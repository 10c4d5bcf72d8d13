"""SRNTT under ``memory.limit``: how far each level sees and what it holds."""

from __future__ import annotations

from refbench.nets.encoding import EXTRACT_QUERY, EXTRACT_REFERENCE, encoder_pass, feature_bytes
from refbench.nets.needs import FLOAT, SLACK, Sizes, match_pass, table_bytes
from refbench.nets.three_levels import CONTENT, LARGE, MEDIUM, SMALL
from refbench.nets.vgg import LEVELS
from refbench.tiling import Pass

from .config import SrnttConfig


def passes(config: SrnttConfig, sizes: Sizes) -> list[Pass]:
    """Every pass of one call."""
    channels, ngf = config.channels, config.ngf
    refs = [feature_bytes(r, channels) + feature_bytes(r, channels, LEVELS[-1:]) for r in sizes.references]
    held = sizes.images + 12 * sizes.reference_pixels + sum(refs) * (1 if len(refs) == 1 else 2)
    upsampled = (4 * sizes.lr[0], 4 * sizes.lr[1])
    query = feature_bytes(upsampled, channels, LEVELS[-1:])
    lr_map = FLOAT * ngf * sizes.pixels
    # index, similarity and the weights of three levels, with their temporaries
    kept = held + 2 * lr_map + sizes.pixels * (24 + 2 * FLOAT * 21)

    def level_pass(
        name: str, size: tuple[int, int], level: int, inputs: float, after: int, factor: int
    ) -> Pass:
        """``after``: pixels that its output adds; ``factor``: pixels of the level per pixel of the pass."""
        scale = 4 >> level
        # the head and the folding of patches, whose rim is one LR pixel
        reach = after + 2 * config.n_blocks + 1 + scale
        floats = 7 * ngf + 4 * channels[level] + 48 / scale**2
        tables = table_bytes(channels[level], scale, sizes)
        halo = -(-reach // factor) + (factor > 1)
        return Pass(name, size, FLOAT * factor**2 * SLACK * floats, kept + inputs + tables, halo)

    medium = (2 * sizes.lr[0], 2 * sizes.lr[1])
    return [
        *(encoder_pass(EXTRACT_REFERENCE, r, channels, held) for r in sizes.references),
        encoder_pass(EXTRACT_QUERY, upsampled, channels, held + query),
        match_pass(sizes, channels[2], held + query),
        Pass(CONTENT, sizes.lr, FLOAT * SLACK * 5 * ngf, kept, 1 + 2 * config.n_blocks),
        level_pass(SMALL, sizes.lr, 2, 0, 0, 1),
        level_pass(MEDIUM, sizes.lr, 1, 4 * lr_map, 0, 2),
        level_pass(LARGE, medium, 0, 4 * lr_map, 2, 2),
    ]
