"""What a matcher returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Match:
    """The K best reference patches of every query patch, best first, ties to the lowest index.

    (h', w') is the query's patch grid; with a batch axis every tensor gets a leading B.
    """

    index: Tensor
    """int64, shape (K, h', w'): row-major position on the *reference* patch grid; -1 = no match
    (the query position was masked out by ``query_valid``)."""
    similarity: Tensor
    """float32, shape (K, h', w'): cosine similarity of the two patches, in [-1, 1] up to rounding; 0 where
    ``index`` is -1. With ``normalise_similarity=False`` the query patch's norm is not divided out."""
    grid: tuple[int, int]
    """(h', w') of the query."""
    reference_grid: tuple[int, int]
    """(hr', wr') of the reference: ``index`` decodes as ``y, x = index // wr', index % wr'``."""
    approximation: str = "exact"
    """``exact``, or the name of the opt-in approximation that produced the result."""
    recall: float = 1.0
    """Share of the query positions whose exact best similarity was reached within 1e-6; 1.0 for the exact
    matcher, otherwise *measured* on ``recall_sample`` positions that were also matched exactly."""
    recall_sample: int = 0
    """Number of query positions on which ``recall`` was measured (0 for the exact matcher)."""
    centre: int = 1
    """Feature pixels from a position's coordinates to the centre of its patch: patch // 2 - padding."""
