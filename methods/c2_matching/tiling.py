"""C2-Matching under ``memory.limit``: how far each level sees and what it holds."""

from __future__ import annotations

from refbench.nets.needs import FLOAT, SLACK, Sizes, attention_floats, front_passes, table_bytes
from refbench.nets.three_levels import CONTENT, LARGE, MEDIUM, SMALL
from refbench.nets.vgg import LEVELS
from refbench.tiling import Pass

from .config import C2Config

ATTENTION = 4
"""Three convolutions before the gather, and the head after it."""


def passes(config: C2Config, sizes: Sizes) -> list[Pass]:
    """Every pass of one call."""
    front, held = front_passes(
        sizes, config.extractor_channels, config.channels, LEVELS[-1:], trust=config.trust_gate
    )
    small, medium = sizes.lr, (2 * sizes.lr[0], 2 * sizes.lr[1])
    lr_map = FLOAT * config.ngf * sizes.pixels
    held += (FLOAT * 21 * 2 * sizes.pixels if config.trust_gate else 0) + 2 * lr_map

    def level_pass(
        name: str, size: tuple[int, int], level: int, kept: float, after: int, factor: int
    ) -> Pass:
        """``after``: pixels that its output adds; ``factor``: pixels of the level per pixel of the pass."""
        reach = after + 2 * config.level_blocks[level] + ATTENTION
        halo = -(-reach // factor) + (factor > 1)
        channels = config.channels[level]
        attending = attention_floats(config.ngf, channels, config.groups, sizes)
        floats = max(attending, 7 * config.ngf + 2 * channels) + 2 * config.ngf
        tables = table_bytes(channels, 4 >> level, sizes)
        return Pass(name, size, FLOAT * factor**2 * SLACK * floats, held + kept + tables, halo)

    content = FLOAT * SLACK * 5 * config.ngf
    return [
        *front,
        Pass(CONTENT, small, content, held, 1 + 2 * config.n_blocks),
        level_pass(SMALL, small, 2, 0, 0, 1),
        level_pass(MEDIUM, small, 1, 4 * lr_map, 0, 2),
        level_pass(LARGE, medium, 0, 4 * lr_map, 2, 2),
    ]
