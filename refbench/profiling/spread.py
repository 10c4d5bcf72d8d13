"""Repeated measurements as a median with its spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Spread:
    """Median, quartiles and extremes of repeated measurements, in the unit of what was measured."""

    median: float
    q1: float
    q3: float
    min: float
    max: float
    n: int

    def to_json(self) -> dict[str, float]:
        """Plain data, rounded to nine decimals (nanoseconds)."""
        return {name: round(value, 9) for name, value in asdict(self).items()}


def spread(values: Sequence[float]) -> Spread:
    """Quartiles by linear interpolation. Raises ValueError without values."""
    if not values:
        raise ValueError("no measurements")
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])

    return Spread(at(0.5), at(0.25), at(0.75), ordered[0], ordered[-1], len(ordered))
