"""TTSR under ``memory.limit``: how far each level sees and what it holds."""

from __future__ import annotations

from refbench.nets.encoding import EXTRACT_QUERY, EXTRACT_REFERENCE, encoder_pass, feature_bytes
from refbench.nets.needs import FLOAT, SLACK, TRUST_PASS, Sizes, match_pass, table_bytes
from refbench.nets.trust import SIDE
from refbench.nets.vgg import LEVELS
from refbench.tiling import Pass

from .config import TtsrConfig
from .net import LEVEL1, LEVEL2, LEVEL3


def passes(config: TtsrConfig, sizes: Sizes) -> list[Pass]:
    """Every pass of one call; all run over the grid of LR pixels."""
    channels, n, lr = config.lte_channels, config.n_feats, sizes.lr
    refs = [feature_bytes(r, channels) + feature_bytes(r, channels, LEVELS[-1:]) for r in sizes.references]
    # TTSR's own range, [-1, 1], is a second copy of every image
    images = 2 * sizes.images + 12 * sizes.reference_pixels
    held = images + sum(refs) * (1 if len(refs) == 1 else 2)
    upsampled = (4 * lr[0], 4 * lr[1])
    query = feature_bytes(upsampled, channels, LEVELS[-1:])
    maps = FLOAT * sizes.pixels * n
    small = held + 40 * sizes.pixels
    sfe, first, second, third = config.blocks

    def level(name: str, reach: int, floats: float, kept: float, scale: int) -> Pass:
        tables = table_bytes(channels[2 - scale // 2], scale, sizes)
        return Pass(name, lr, FLOAT * SLACK * floats, small + kept + tables, reach)

    t1, t2, t3 = channels
    # per LR pixel, at the peak: features, texture and what is concatenated of both at every level so far
    floats1 = 6 * n + 3 * t3
    floats2 = floats1 + 4 * (10 * n + 3 * t2 + 4 * n)
    floats3 = 8 * n + 4 * 10 * n + 16 * (11 * n + 3 * t1 + 4)
    trust = [Pass(TRUST_PASS, lr, FLOAT * 6 * SIDE**2 * SLACK, held + query, SIDE // 2)]
    return [
        *(encoder_pass(EXTRACT_REFERENCE, r, channels, held) for r in sizes.references),
        encoder_pass(EXTRACT_QUERY, upsampled, channels, held + query),
        match_pass(sizes, channels[2], held + query, padding=1),
        *(trust if config.trust_gate else []),
        level(LEVEL1, 2 * (sfe + first) + 5, floats1, maps, 1),
        level(LEVEL2, 2 * second + 9, floats2, 6 * maps, 2),
        level(LEVEL3, 2 * third + 11, floats3, 6 * maps, 4),
    ]
