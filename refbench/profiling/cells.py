"""What one profiled cell is: plain data that travels to a fresh process and back as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from refbench.specs import ParamValue

Kind = Literal["machine", "method", "matcher"]
Status = Literal["ok", "error", "memory", "died", "timeout"]
FUSED = ("fused", "fused_tf32", "fused_bf16x3", "fused_fp16")
"""Matchers that run on CUDA alone."""
MATCHERS = ("official", "bmm", "streamed", *FUSED, "pca", "coarse", "patchmatch")


@dataclass(frozen=True)
class Conditions:
    """What all cells of one call share."""

    device: str = "cpu"
    precision: str = "fp32"
    threads: int | None = None
    repeats: int = 5
    warmup: int = 1
    seed: int = 0
    probe_seconds: float = 0.5
    """Time for each of the two measurements of the machine's peaks."""


@dataclass(frozen=True)
class MethodCell:
    """A method at one image size and K."""

    locator: str
    weights: str | None
    """Variant, path, or ``random``, ``random:compact``; None: the default."""
    weights_root: str | None
    params: Mapping[str, ParamValue]
    """Without K."""
    size: tuple[int, int]
    """(H, W) of HR; LR is a ``scale``-th of it."""
    ref_size: tuple[int, int]
    k: int | None
    """Matches mixed per position; None: the method has no such option, or its own default is used."""
    trace: str | None = None

    @property
    def label(self) -> str:
        """For progress lines."""
        k = "" if self.k is None else f" k={self.k}"
        return f"{self.locator} {shown(self.size)}{k}"


@dataclass(frozen=True)
class MatcherCell:
    """A matcher on feature maps of one size."""

    matcher: str
    features: tuple[int, int, int]
    """(H, W, C) of query and reference."""
    k: int

    @property
    def label(self) -> str:
        """For progress lines."""
        return f"{self.matcher} {shown(self.features)} k={self.k}"


@dataclass(frozen=True)
class Order:
    """One job for the child process."""

    kind: Kind
    conditions: Conditions
    cell: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, conditions: Conditions, cell: MethodCell | MatcherCell | None) -> Order:
        """The order for a cell; for the machine itself without one."""
        if cell is None:
            return cls("machine", conditions)
        return cls("method" if isinstance(cell, MethodCell) else "matcher", conditions, asdict(cell))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Order:
        """What :func:`dataclasses.asdict` made of an order."""
        return cls(data["kind"], Conditions(**data["conditions"]), data["cell"])

    def method_cell(self) -> MethodCell:
        """The cell of an order of kind ``method``."""
        c = dict(self.cell)
        return MethodCell(**{**c, "size": _pair(c["size"]), "ref_size": _pair(c["ref_size"])})

    def matcher_cell(self) -> MatcherCell:
        """The cell of an order of kind ``matcher``."""
        height, width, channels = self.cell["features"]
        return MatcherCell(self.cell["matcher"], (height, width, channels), self.cell["k"])


def shown(size: tuple[int, ...]) -> str:
    """``512x320`` of (H, W), ``125x83x256`` of (H, W, C): width first, as everywhere that people read."""
    height, width, *channels = size
    return "x".join(map(str, (width, height, *channels)))


def _pair(value: Any) -> tuple[int, int]:
    height, width = value
    return height, width
