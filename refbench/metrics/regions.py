"""Parts of an image that a metric may be restricted to.

A dataset may bring some per sample (``Trial.regions``: ``center``, ``corner``, ``fov_in``). For every set
with references there are ``covered`` and ``uncovered``: what the references show of the target, and what
they do not, see :mod:`refbench.metrics.covered`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refbench.errors import SampleError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from refbench.types import Trial

    Mask = npt.NDArray[np.bool_]

COVERED, UNCOVERED = "covered", "uncovered"


def region_identity(name: str) -> str:
    """The region in a metric's signature: its name, and for what is computed here, how."""
    if name in (COVERED, UNCOVERED):
        from refbench.metrics.covered_identity import IDENTITY

        return f"{name}({IDENTITY})"
    return name


class Regions:
    """The masks of one trial, each made when it is first asked for."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def mask(self, name: str) -> Mask:
        """bool (H, W) of the target. SampleError where this trial has no such region, or it is empty."""
        trial = self._trial
        if trial.target is None:
            raise SampleError("no ground truth")
        size = trial.target.shape[:2]
        if name in trial.regions:
            mask = trial.regions[name]
        elif name in (COVERED, UNCOVERED):
            from refbench.metrics.covered import covered

            shown = covered(trial.target, trial.refs)
            mask = shown if name == COVERED else ~shown
        else:
            known = ", ".join([*trial.regions, COVERED, UNCOVERED])
            raise SampleError(f"no region {name!r} in this sample; known: {known}")
        if mask.shape != size:
            raise SampleError(
                f"region {name!r} is {mask.shape[1]}x{mask.shape[0]}, the target {size[1]}x{size[0]}"
            )
        if not mask.any():
            raise SampleError(f"region {name!r} is empty in this image")
        return mask
