"""How much memory the hosted nets need up to their matches: passes for a plan under ``memory.limit``.

All are upper bounds from sizes and channels, checked against measured peaks in docs/performance.md; N is the
number of LR pixels, R that of reference pixels, floats take four bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbench.matching.plan import Problem, least_bytes
from refbench.nets.encoding import EXTRACT_QUERY, EXTRACT_REFERENCE, encoder_pass, feature_bytes
from refbench.nets.refine import REFINE_HALO, REFINE_PASS
from refbench.nets.several import GAP
from refbench.nets.trust import SIDE
from refbench.nets.vgg import LEVELS
from refbench.tiling import Pass

Size = tuple[int, int]
Triple = tuple[int, int, int]
FLOAT = 4
MATCH_PASS, TRUST_PASS, CARRY_PASS = "match", "trust", "carry matches"
SLACK = 1.15
"""Temporaries of elementwise expressions, and what the allocator rounds up."""


@dataclass(frozen=True)
class Sizes:
    """What a method's memory depends on besides its configuration."""

    lr: Size
    """(H, W) of the framed LR."""
    references: tuple[Size, ...]
    """(H, W) in pixels of every framed reference, multiples of 4."""
    k: int = 1
    cuda: bool = False
    approx: bool = False
    """Matching is approximate: it holds two more copies of the matched maps."""

    @property
    def pixels(self) -> int:
        """N."""
        return self.lr[0] * self.lr[1]

    @property
    def reference_pixels(self) -> int:
        """R, over all references; joined ones have gaps and black sides."""
        if len(self.references) == 1:
            return self.references[0][0] * self.references[0][1]
        rows = sum(h + 4 * GAP for h, _ in self.references)
        return rows * max(w for _, w in self.references)

    @property
    def images(self) -> float:
        """Bytes of LR, its enlargement, base and SR, and of the references, with their 8-bit copies."""
        return self.pixels * (12 + 3 * 192 + 48) + self.reference_pixels * (12 + 3)


def whole(name: str, bytes_at_once: float, held: float) -> Pass:
    """A step that cannot run in windows."""
    return Pass(name, (1, 1), bytes_at_once, held)


def match_pass(sizes: Sizes, channels: int, held: float, scale: int = 1, padding: int = 0) -> Pass:
    """The matcher at its least; what else is left it may use too. ``scale``: matched pixels per LR pixel."""
    query = (sizes.lr[0] * scale + 2 * padding, sizes.lr[1] * scale + 2 * padding)
    cells = sizes.reference_pixels * scale**2 // 16
    wide = max(w for _, w in sizes.references) * scale // 4 + 2 * padding
    reference = (-(-cells // wide) + 2 * padding, wide)
    least = least_bytes(Problem(channels, query, reference, 3))
    # contiguous copies of both maps, their norms in float64, the running best
    matched = query[0] * query[1] + reference[0] * reference[1]
    copies = (3 if sizes.approx else 1) * matched * (FLOAT * channels + 40)
    return whole(MATCH_PASS, least, held + copies + query[0] * query[1] * sizes.k * 24)


def single_match_bytes(sizes: Sizes) -> float:
    """Flows, nine shifted copies and similarities at the three levels."""
    return sizes.pixels * sizes.k * FLOAT * 21 * (2 + 18 + 1)


def refined_match_bytes(sizes: Sizes) -> float:
    """Flows, similarities and three channels of confidence at the three levels."""
    return sizes.pixels * sizes.k * FLOAT * 21 * (2 + 1 + 3)


def front_passes(
    sizes: Sizes,
    extractor: Triple,
    texture: Triple,
    wanted: Sequence[str],
    matching: str = "single",
    trust: bool = False,
    joined: bool = True,
) -> tuple[list[Pass], float]:
    """Encoding and matching of C2-Matching, DATSR and MRefSR, and the bytes that stay for the restoration.

    ``extractor``, ``texture``: channels of the encoders; ``wanted``: the levels that are matched; ``joined``:
    several references are laid together and searched as one, else each has matches of its own.
    """
    refs = [feature_bytes(r, extractor, wanted) + feature_bytes(r, texture) for r in sizes.references]
    features = sum(refs) * (1 if len(refs) == 1 or not joined else 2)
    sets = 1 if joined else len(refs)
    upsampled = (4 * sizes.lr[0], 4 * sizes.lr[1])
    queries = feature_bytes(upsampled, extractor, wanted)
    held = sizes.images + features
    earlier = (sets - 1) * single_match_bytes(sizes)
    wider: Triple = tuple(map(max, zip(extractor, texture, strict=True)))  # type: ignore[assignment]
    passes = [encoder_pass(EXTRACT_REFERENCE, r, wider, held) for r in sizes.references]
    passes.append(encoder_pass(EXTRACT_QUERY, upsampled, extractor, held + queries))
    if matching == "per_level":
        passes.extend(
            match_pass(sizes, extractor[i], held + queries, 4 >> i) for i, level in enumerate(LEVELS)
        )
    else:
        passes.append(match_pass(sizes, extractor[2], held + queries + earlier))
    matches = sets * (refined_match_bytes(sizes) if matching == "refined" else single_match_bytes(sizes))
    if matching == "refined":
        table = FLOAT * extractor[1] * (sizes.reference_pixels / 4 + 4 * sizes.pixels)
        fine = 98 * 3.5 + 25 * 3 + 5 * extractor[1]
        found = sizes.pixels * sizes.k * 4 * FLOAT * 8
        passes.append(
            Pass(REFINE_PASS, sizes.lr, 4 * FLOAT * fine * SLACK, held + queries + table + found, REFINE_HALO)
        )
        queries += table
    if trust:
        around = FLOAT * 2 * SIDE**2 * 3 * SLACK * sizes.k
        passes.append(Pass(TRUST_PASS, sizes.lr, around, held + queries + earlier, SIDE // 2))
    passes.append(whole(CARRY_PASS, sizes.pixels * FLOAT * 16 * 10, held + queries + matches))
    return passes, held + matches


def attention_floats(width: int, channels: int, groups: int, sizes: Sizes) -> float:
    """Floats per pixel of a level at the peak of gathering texture: features, skip, the concatenated input
    of the offset branch, two maps of the branch, offsets and masks twice, gathered texture and its sum."""
    columns = 9 * channels + 27 * groups if sizes.cuda else 0
    return 3 * width + 8 * channels + 2 * 27 * groups + 3 + sizes.k + columns


def table_bytes(channels: int, factor: int, sizes: Sizes) -> float:
    """The gather table of a level with ``factor`` pixels per relu3_1 pixel a side, or its padded copy."""
    return SLACK * FLOAT * channels * sizes.reference_pixels * factor**2 / 16
