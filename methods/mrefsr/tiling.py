"""MRefSR under ``memory.limit``: how far each level sees and what it holds."""

from __future__ import annotations

from refbench.nets.needs import FLOAT, SLACK, Sizes, attention_floats, front_passes, table_bytes
from refbench.nets.three_levels import CONTENT, LARGE, MEDIUM, SMALL
from refbench.nets.vgg import LEVELS
from refbench.tiling import Pass

from .config import MRefConfig
from .head import MULTIPLE

ATTENTION = 3
"""Three convolutions before the gather."""
HEAD = 3
"""One convolution of a reference, two of the spatial selection."""


def passes(config: MRefConfig, sizes: Sizes) -> list[Pass]:
    """Every pass of one call."""
    count = len(sizes.references)
    front, held = front_passes(
        sizes, config.extractor_channels, config.channels, LEVELS[-1:], trust=config.trust_gate, joined=False
    )
    small, medium = sizes.lr, (2 * sizes.lr[0], 2 * sizes.lr[1])
    lr_map = FLOAT * config.ngf * sizes.pixels
    held += (FLOAT * 3 * count * sizes.pixels if config.trust_gate else 0) + 2 * lr_map

    def level_pass(
        name: str, size: tuple[int, int], level: int, kept: float, after: int, factor: int
    ) -> Pass:
        """``after``: pixels that its output adds; ``factor``: pixels of the level per pixel of the pass."""
        # reflection at the bottom and right reads up to three more rows and columns
        reach = after + 2 * config.level_blocks[level] + ATTENTION + HEAD + MULTIPLE
        halo = -(-reach // factor) + (factor > 1)
        channels = config.channels[level]
        # the running mixture, its total and maximum, the query and the grown input stay next to a gather
        mixture = 2 * 2 * channels + 2 + 2 * channels + config.ngf
        attending = attention_floats(config.ngf, channels, config.groups, sizes) + mixture
        fusing = 3 * config.ngf + 6 * 2 * channels + 2 * channels + mixture
        restoring = 7 * config.ngf + 2 * channels
        floats = max(attending, fusing, restoring) + 2 * config.ngf
        # full-size gates of the level
        gates = FLOAT * count * (4 >> level) ** 2 * sizes.pixels if config.trust_gate else 0
        tables = table_bytes(channels, 4 >> level, largest(sizes))
        return Pass(name, size, FLOAT * factor**2 * SLACK * floats, held + kept + tables + gates, halo)

    content = FLOAT * SLACK * 5 * config.ngf
    return [
        *front,
        Pass(CONTENT, small, content, held, 1 + 2 * config.n_blocks),
        level_pass(SMALL, small, 2, 0, 0, 1),
        level_pass(MEDIUM, small, 1, 4 * lr_map, 0, 2),
        level_pass(LARGE, medium, 0, 4 * lr_map, 2, 2),
    ]


def largest(sizes: Sizes) -> Sizes:
    """``sizes`` with the largest reference alone: gathers read one reference at a time."""
    return Sizes(sizes.lr, (max(sizes.references, key=lambda r: r[0] * r[1]),), sizes.k, sizes.cuda)
