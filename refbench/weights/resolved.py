"""What the resolution of ``method.weights=`` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ResolvedWeights:
    """The files of one method's weights, hashed but not read."""

    method: str
    variant: str
    """``mse``, ``gan``, ``compact``, or the name of the file or folder that the user gave."""
    label: str
    """What tables and rows show behind the method's name."""
    paths: Mapping[str, Path]
    """Role -> file. The role ``net`` alone: one file with the whole model."""
    sha256: Mapping[str, str | None]
    """Role -> sha256 hex of that file: the identity of the weights in the run key."""
    verified: Mapping[str, bool]
    """Role -> whether a digest known beforehand was there to compare with."""
    scale: int | None = None
    """Enlargement of a checkpoint that is not bound to its method's; None: the method's own."""
