"""Patch matching between LR (query) and reference features, and what follows from the matches.

Exact, streamed, memory-bounded; one implementation for all hosted methods. See :func:`match`.
"""

from __future__ import annotations

from refbench.matching.matcher import match
from refbench.matching.offsets import (
    LEVELS,
    index_to_flow,
    pre_flow,
    pre_offset,
    pre_similarity,
    shifted_copies,
    upsample_flow,
)
from refbench.matching.result import Match
from refbench.matching.transfer import transfer

__all__ = [
    "LEVELS",
    "Match",
    "index_to_flow",
    "match",
    "pre_flow",
    "pre_offset",
    "pre_similarity",
    "shifted_copies",
    "transfer",
    "upsample_flow",
]
