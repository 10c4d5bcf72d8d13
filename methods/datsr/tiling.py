"""DATSR under ``memory.limit``: how far each pass of the U-Net sees and what it holds."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from refbench.nets.encoding import feature_bytes
from refbench.nets.needs import (
    FLOAT,
    SLACK,
    Sizes,
    attention_floats,
    front_passes,
    refined_match_bytes,
    table_bytes,
)
from refbench.nets.vgg import LEVELS
from refbench.tiling import Pass

from .config import DatsrConfig
from .net import DOWN_LARGE, DOWN_MEDIUM, UP_LARGE, UP_MEDIUM, UP_SMALL
from .swin_reach import swin_reach

ATTENTION = 4
"""Pixels that a stage sees besides its body: the head after it, or three convolutions before the gather and
that head."""


def passes(config: DatsrConfig, sizes: Sizes) -> list[Pass]:
    """Every pass of one call."""
    wanted = {"single": LEVELS[-1:], "refined": LEVELS[-2:], "per_level": LEVELS}[config.matching]
    front, held = front_passes(
        sizes, config.extractor_channels, config.channels, wanted, config.matching, False
    )
    if config.align_colours:
        # all of it may happen again with the reference in other colours, in addition to what is there by then
        again = 48 * sizes.reference_pixels + refined_match_bytes(sizes)
        for size in sizes.references:
            again += feature_bytes(size, config.extractor_channels, wanted)
            again += feature_bytes(size, config.channels)
        front = [replace(one, held=one.held + again) for one in front]
        held += again
    small, medium = sizes.lr, (2 * sizes.lr[0], 2 * sizes.lr[1])
    lr_map, half_map = (FLOAT * n * sizes.pixels for n in (config.widths[2], 4 * config.widths[1]))
    down = config.attend_down
    down_large = _reach(config, 0, 1) if down else 1
    down_medium = _reach(config, 1, 1) if down else 1
    up_medium, up_large = _reach(config, 1, 0), _reach(config, 0, 2)

    def stage_pass(
        name: str, size: tuple[int, int], level: int, reach: int, kept: float, factor: int
    ) -> Pass:
        """``reach`` in pixels of ``level``, which has ``factor`` of them per pixel of the pass."""
        attends = down or not name.startswith("down")
        tables = table_bytes(config.channels[level], 4 >> level, sizes) if attends else 0.0
        swin = attends and config.aggregation[level] == "swin"
        align = config.window // gcd(config.window, factor) if swin else 1
        halo = -(-reach // factor) + (1 if name in (UP_MEDIUM, UP_LARGE) else 0)
        per_pixel = FLOAT * factor**2 * SLACK * (_floats(config, level, sizes) if attends else _plain(config))
        return Pass(name, size, per_pixel, held + kept + tables, halo, align)

    return [
        *front,
        stage_pass(DOWN_LARGE, medium, 0, down_large, half_map, 2),
        stage_pass(DOWN_MEDIUM, small, 1, down_medium, half_map + lr_map, 2),
        stage_pass(UP_SMALL, small, 2, _reach(config, 2, 0), half_map + 2 * lr_map, 1),
        stage_pass(UP_MEDIUM, small, 1, up_medium, 2 * half_map + 2 * lr_map, 2),
        stage_pass(UP_LARGE, medium, 0, up_large, 2 * half_map + 2 * lr_map, 2),
    ]


def _reach(config: DatsrConfig, level: int, after: int) -> int:
    """Pixels of ``level`` that a stage and the ``after`` pixels of convolutions behind it see, and one for
    the head of the whole net."""
    if config.aggregation[level] == "swin":
        body = swin_reach(config.depths[level], config.window, after)
    else:
        body = after + 2 * config.residual_blocks[level]
    return body + ATTENTION + 1


def _floats(config: DatsrConfig, level: int, sizes: Sizes) -> float:
    """Floats per pixel of a level at the peak of one stage."""
    width, channels = config.widths[level], config.channels[level]
    restoring = 10 * width + 2 * channels
    return max(attention_floats(width, channels, config.groups, sizes), restoring) + 2 * width


def _plain(config: DatsrConfig) -> float:
    """Floats per pixel of a way down without attention."""
    return 6 + 3.0 * max(config.widths[:2])
