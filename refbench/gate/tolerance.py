"""How much worse is still fine: of the mean and of each image, per metric, in the metric's own unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from refbench.errors import UserError

Mode = Literal["paired", "strict"]

DEFAULTS: Mapping[str, float] = {
    "psnr": 0.02,
    "ssim": 0.0005,
    "lpips": 0.001,
    "stlpips": 0.001,
}
"""By family, the first part of a signature: about what another CPU or BLAS can change, times ten."""

OTHER = 0.001

IMAGE_DEFAULTS: Mapping[str, float] = {
    "psnr": 0.1,
    "ssim": 0.002,
    "lpips": 0.005,
    "stlpips": 0.005,
}
"""What one image may lose, by family: four to five times what the mean may: room for rounding, threads and
tilings, and for another choice between two equal matches, which changes a few pixels of one image.
``tools/gate_false_alarms.py`` counts what it lets through."""

OTHER_IMAGE = 0.005

SECONDS_FLOOR, MB_FLOOR = 0.005, 8.0
"""Costs below these count as these: timers, page sizes and the interpreter make more difference."""


@dataclass(frozen=True)
class Limits:
    """What the gate lets pass."""

    tolerance: Mapping[str, float] = field(default_factory=dict)
    """Alias -> tolerated mean loss; others by family, see DEFAULTS."""
    image: Mapping[str, float] = field(default_factory=dict)
    """Alias -> what a single image may lose; others by family, see IMAGE_DEFAULTS."""
    mode: Mode = "paired"
    """``paired``: a mean loss counts when it exceeds the tolerance and its paired 95 % interval excludes
    zero. ``strict``: exceeding the tolerance is enough."""
    perf_ratio: float = 1.5
    """``--perf``: a cost may grow to this many times its baseline."""
    worst: int = 5
    """How many of the worst images are named."""

    def of(self, alias: str, signature: str) -> float:
        """The tolerance of one metric."""
        return self.tolerance.get(alias, DEFAULTS.get(signature.split("|")[0], OTHER))

    def of_image(self, alias: str, signature: str) -> float:
        """What one image may lose in one metric."""
        return self.image.get(alias, IMAGE_DEFAULTS.get(signature.split("|")[0], OTHER_IMAGE))


def cost_floor(name: str) -> float:
    """The smallest amount of a cost (``seconds``, ``match_seconds``, ``peak_mb``) that means anything."""
    return SECONDS_FLOOR if name.endswith("seconds") else MB_FLOOR if name.endswith("_mb") else 0.0


def limits_from(
    tolerance: Mapping[str, object],
    *,
    image: Mapping[str, object] | None = None,
    mode: str = "paired",
    perf_ratio: object = 1.5,
    worst: int = 5,
) -> Limits:
    """Limits from what a user wrote (``tolerance.psnr_y=0.05 image.psnr_y=1 mode=strict``). Raises
    UserError."""
    if mode not in ("paired", "strict"):
        raise UserError(f"mode={mode}: no such mode; give paired or strict")
    ratio = _number("perf.ratio", perf_ratio)
    if ratio < 1.0:
        raise UserError(f"perf.ratio={perf_ratio}: must be at least 1")
    return Limits(
        tolerance={alias: _number(f"tolerance.{alias}", value) for alias, value in tolerance.items()},
        image={alias: _number(f"image.{alias}", value) for alias, value in (image or {}).items()},
        mode="strict" if mode == "strict" else "paired",
        perf_ratio=ratio,
        worst=worst,
    )


def _number(name: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0.0 <= number < float("inf"):
        raise UserError(f"{name}={value}: must be a number from 0")
    return number
