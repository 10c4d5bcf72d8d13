"""How LR is made from HR where that is the question: blur, noise, JPEG, other kernels, second-order chains.

A degradation is a named, versioned family with levels, seeded like a transform of the reference: its random
numbers come from the seed, the family's name, the sample's id and the draw, never from the level or from a
running generator. The computation is numpy, Pillow and scipy.ndimage on one thread, so that the number of
threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np

from refbench.errors import unknown
from refbench.protocols.plugins import Plugin, load_plugin, plugin_names, plugins
from refbench.types import Image

Facts = dict[str, str | float]
Degrade = Callable[[Image, int, Mapping[str, float], np.random.Generator], tuple[Image, Facts]]


@dataclass(frozen=True)
class Degradation:
    """A family of ways from HR to LR."""

    name: str
    version: int
    levels: Mapping[str, Mapping[str, float]]
    """Level name -> parameters of ``apply``."""
    apply: Degrade
    """(uint8 RGB HR whose sides are multiples of the scale, scale, parameters, generator) -> (uint8 RGB LR of
    HR / scale, facts for the row)."""
    random: bool = True
    """False: every draw is the same, one is enough."""
    ordered: bool = True
    """True: levels go from mild to strong, so that they make a degradation curve."""
    imports: tuple[str, ...] = ()
    """Modules that ``apply`` imports when it is first called."""
    content: str = ""
    """Of a plugin's family, 8 hex digits of its code, set when it is loaded; empty for a shipped one."""

    @property
    def seed(self) -> str:
        """``lr-name@version``: what its random numbers come from."""
        return f"lr-{self.name}@{self.version}"

    @property
    def id(self) -> str:
        """``lr-name@version``, apart from transforms of the reference; a plugin's with ``#1a2b3c4d``."""
        return f"{self.seed}{f'#{self.content}' if self.content else ''}"


_HERE = "refbench.protocols.degradations"
FAMILIES = {
    "blur": f"{_HERE}.single:BLUR",
    "noise": f"{_HERE}.single:NOISE",
    "jpeg": f"{_HERE}.single:JPEG",
    "kernel": f"{_HERE}.single:KERNEL",
    "realesrgan": f"{_HERE}.second_order:REALESRGAN",
}


def degradation_names() -> tuple[str, ...]:
    """Names of the families: shipped ones and those of installed packages."""
    return (*FAMILIES, *plugin_names("degradations", FAMILIES))


def degradation_plugins() -> tuple[Plugin, ...]:
    """Families of installed packages, usable or not."""
    return plugins("degradations", FAMILIES, Degradation)


def load_degradation(name: str) -> Degradation:
    """The family called ``name``; raises UserError with a suggestion."""
    if name not in FAMILIES:
        if name not in degradation_names():
            raise unknown("degradation of LR", name, degradation_names())
        found, content = load_plugin("degradations", name, Degradation)
        return replace(found, content=content)
    module, _, attribute = FAMILIES[name].partition(":")
    family: Degradation = getattr(import_module(module), attribute)
    return family
