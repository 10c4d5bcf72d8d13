"""Transforms of the reference image, one module each; LR and HR are never touched.

A transform is a named, versioned family with levels. Its random numbers come from the seed, the
transform's name, the sample's id and the draw, not from the level: the levels of one draw differ in
strength only, so a degradation curve is not blurred by other draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import numpy.typing as npt

from refbench.errors import unknown
from refbench.types import Image

Apply = Callable[[Image, Mapping[str, float], np.random.Generator], tuple[Image, dict[str, str | float]]]


MatrixOf = Callable[
    [Mapping[str, float], np.random.Generator, int, int],
    tuple[npt.NDArray[np.float64], dict[str, str | float]],
]


@dataclass(frozen=True)
class Transform:
    """A family of reference transforms."""

    name: str
    version: int
    levels: Mapping[str, Mapping[str, float]]
    """Level name -> parameters of ``apply``."""
    apply: Apply
    """(uint8 RGB, parameters, generator) -> (uint8 RGB, facts for the row)."""
    official_level: str | None = None
    """The level that a paper or official code uses; others are refbench's own."""
    matrix: MatrixOf | None = None
    """For warps: the 3 x 3 map from output to input points of a draw, (params, generator, H, W)."""
    moves: bool = False
    """True: shows things elsewhere without giving a ``matrix``; False and no matrix: everything stays."""
    random: bool = True
    """False: every draw is the same, one is enough."""
    imports: tuple[str, ...] = ()
    """Modules that ``apply`` imports when it is first called: a run imports them before its threads start."""
    ordered: bool = True
    """True: levels go from mild to strong, so that they make a degradation curve."""

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


_HERE = "refbench.protocols.transforms"
_FAMILIES = {
    "jitter": f"{_HERE}.jitter:TRANSFORM",
    "resample": f"{_HERE}.geometry:RESAMPLE",
    "rotation": f"{_HERE}.geometry:ROTATION",
    "scaling": f"{_HERE}.geometry:SCALING",
    "perspective": f"{_HERE}.geometry:PERSPECTIVE",
    "flip": f"{_HERE}.geometry:FLIP",
    "gamma": f"{_HERE}.photometric:GAMMA",
    "exposure": f"{_HERE}.photometric:EXPOSURE",
    "white_balance": f"{_HERE}.photometric:WHITE_BALANCE",
    "night": f"{_HERE}.photometric:NIGHT",
    "blur": f"{_HERE}.corruption:BLUR",
    "noise": f"{_HERE}.corruption:NOISE",
    "jpeg": f"{_HERE}.corruption:JPEG",
    "downscale": f"{_HERE}.corruption:DOWNSCALE",
}


def transform_names() -> tuple[str, ...]:
    """Names of the shipped families."""
    return tuple(_FAMILIES)


def load_transform(name: str) -> Transform:
    """The transform family called ``name``; raises UserError with a suggestion."""
    if name not in _FAMILIES:
        raise unknown("reference transform", name, _FAMILIES)
    module, _, attribute = _FAMILIES[name].partition(":")
    transform: Transform = getattr(import_module(module), attribute)
    return transform
