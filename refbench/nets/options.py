"""Options that the hosted nets share, as plain data for their specs (no torch)."""

from __future__ import annotations

from refbench.specs import Param

MULTI = ("first", "stitch", "best", "per_patch")
MULTI_PARAM = Param(
    "first",
    "several references: first (most similar), stitch (images on black, stacked), best (highest mean "
    "similarity), per_patch (one exact search over all)",
    MULTI,
)
