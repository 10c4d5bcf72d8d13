"""Exact tiled inference within ``memory.limit``: a net runs over windows whose halo covers what its output
sees, so that the result is that of the whole image up to rounding.

A method plans its passes once per call (:func:`plan_passes`) and runs each through :func:`tiled`; without a
limit both do nothing and the whole image is computed at once.
"""

from __future__ import annotations

from refbench.tiling.budget import Budget, bounded, plan_passes, share_mb
from refbench.tiling.passes import Pass, TooLittleMemory
from refbench.tiling.run import tiled, whole
from refbench.tiling.windows import Window

__all__ = [
    "Budget",
    "Pass",
    "TooLittleMemory",
    "Window",
    "bounded",
    "plan_passes",
    "share_mb",
    "tiled",
    "whole",
]
