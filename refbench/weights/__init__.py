"""Weights: which files a method's variant needs, where they are, and loading nothing but tensors from them.

This module imports no torch; the reading side is in :mod:`refbench.weights.checkpoint` and
:mod:`refbench.weights.strict`.
"""

from __future__ import annotations

from refbench.weights.resolve import resolve
from refbench.weights.resolved import ResolvedWeights

__all__ = ["ResolvedWeights", "resolve"]
