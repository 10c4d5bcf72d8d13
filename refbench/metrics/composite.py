"""Sums of other metrics, defined by the signatures of their parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from refbench.metrics.pyiqa_names import PYIQA_PREFIX, pyiqa_spec
from refbench.specs import MetricSpec

if TYPE_CHECKING:
    from refbench.metrics.build import Metric
    from refbench.types import Image


@dataclass(frozen=True)
class Composite:
    """A published sum."""

    title: str
    parts: Mapping[str, Callable[[float], float]]
    """Name of a metric of pyiqa -> what its value adds."""
    bounds: tuple[float | None, float | None]


COMPOSITES: Mapping[str, Composite] = {
    # NTIRE image super-resolution challenges, perceptual track: pyiqa's metrics with its defaults
    "ntire_perceptual@2026": Composite(
        "NTIRE perceptual",
        {
            "lpips": lambda value: 1 - value,
            "dists": lambda value: 1 - value,
            "clipiqa": lambda value: value,
            "maniqa": lambda value: value,
            "musiq": lambda value: value / 100,
            "niqe": lambda value: max(0.0, (10 - value) / 10),
        },
        (None, None),
    )
}


def composite_spec(name: str) -> MetricSpec:
    """The spec of a composite; a change of any part (another version of pyiqa, say) is another signature."""
    composite = COMPOSITES[name]
    signatures = "\n".join(pyiqa_spec(part).signature for part in composite.parts)
    digest = hashlib.sha256(signatures.encode()).hexdigest()[:12]
    return MetricSpec(
        alias=name,
        signature=f"composite|name={name}|parts={digest}|crop=0|v1",
        target="refbench.metrics.composite:factory",
        title=composite.title,
        licence="PolyForm-Noncommercial-1.0.0 (pyiqa)",
        options={"name": name, "crop": 0, "device": "cpu"},
        parameters={"crop": (), "device": ("cpu", "cuda")},
        bounds=composite.bounds,
    )


def factory(spec: MetricSpec) -> Metric:
    """Builds every part with the composite's ``crop`` and ``device``; MetricUnavailable names the part."""
    from refbench.metrics.build import MetricUnavailable, build
    from refbench.metrics.names import with_parameters

    composite = COMPOSITES[str(spec.options["name"])]
    given = {name: str(spec.options[name]) for name in ("crop", "device")}
    parts: list[tuple[Metric, Callable[[float], float]]] = []
    for name, adds in composite.parts.items():
        try:
            parts.append((build(with_parameters(pyiqa_spec(name), given)), adds))
        except MetricUnavailable as reason:
            raise MetricUnavailable(f"its part {PYIQA_PREFIX}{name}: {reason.reason}") from reason

    def score(sr: Image, target: Image) -> float:
        return sum(adds(part(sr, target)) for part, adds in parts)

    return score
