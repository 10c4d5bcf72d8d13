"""Transforms of the reference image, one module each; LR and HR are never touched.

A transform is a named, versioned family with levels. Its random numbers come from the seed, the
transform's name, the sample's id and the draw, not from the level: the levels of one draw differ in
strength only, so a degradation curve is not blurred by other draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
import numpy.typing as npt

from refbench.errors import unknown
from refbench.protocols.plugins import Plugin, load_plugin, plugin_names, plugins
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
    content: str = ""
    """Of a plugin's family, 8 hex digits of its code, set when it is loaded; empty for a shipped one."""

    @property
    def seed(self) -> str:
        """``name@version``: what its random numbers come from."""
        return f"{self.name}@{self.version}"

    @property
    def id(self) -> str:
        """``name@version``; ``name@version#1a2b3c4d`` for a plugin's, never a shipped one's."""
        return f"{self.seed}{f'#{self.content}' if self.content else ''}"


_HERE = "refbench.protocols.transforms"
FAMILIES = {
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
    """Names of the families: shipped ones and those of installed packages."""
    return (*FAMILIES, *plugin_names("transforms", FAMILIES))


def transform_plugins() -> tuple[Plugin, ...]:
    """Families of installed packages, usable or not."""
    return plugins("transforms", FAMILIES, Transform)


def load_transform(name: str) -> Transform:
    """The transform family called ``name``; raises UserError with a suggestion."""
    if name not in FAMILIES:
        if name not in transform_names():
            raise unknown("reference transform", name, transform_names())
        family, content = load_plugin("transforms", name, Transform)
        return replace(family, content=content)
    module, _, attribute = FAMILIES[name].partition(":")
    transform: Transform = getattr(import_module(module), attribute)
    return transform
