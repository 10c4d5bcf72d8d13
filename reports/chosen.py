"""Which trials the gallery shows, and the images on which methods differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.paired import Trials

from .groups import DataKey, data_key
from .robustness import values_of

EXTREMES = 3
"""Worst and best trials per dataset and protocol."""
SectionKey = tuple[DataKey, str]
"""(dataset and seed, protocol id)."""


@dataclass(frozen=True)
class Extreme:
    """One trial on which a method gains or loses most against another."""

    section: SectionKey
    method: str
    other: str
    sample: str
    draw: int
    difference: float
    """Method minus other in the metric's unit, positive is better."""
    worst: bool


def sections(cells: Sequence[CellRecord]) -> dict[SectionKey, list[CellRecord]]:
    """Cells by dataset, seed and protocol, in order: the plain protocols come first."""
    found: dict[SectionKey, list[CellRecord]] = {}
    for cell in cells:
        found.setdefault((data_key(cell), cell.protocol), []).append(cell)
    return found


def extremes(cells: Sequence[CellRecord], spec: MetricSpec) -> list[Extreme]:
    """Worst and best trials of a section: a method against the baseline (or the section's first method)."""
    found: list[Extreme] = []
    for key, members in sections(cells).items():
        reference = next((c for c in members if c.baseline), members[0])
        pairs = [d for cell in members if cell is not reference for d in _pair(cell, reference, spec)]
        pairs.sort(key=lambda d: (d[0], d[1].method_label, d[2], d[3]))
        count = min(EXTREMES, len(pairs) // 2) or min(1, len(pairs))
        chosen = [(d, True) for d in pairs[:count]]
        # with a single trial the best is the worst
        chosen += [(d, False) for d in reversed(pairs[len(pairs) - count :])] if len(pairs) > 1 else []
        found += [
            Extreme(key, cell.method_label, reference.method_label, sample, draw, difference, worst)
            for (difference, cell, sample, draw), worst in chosen
        ]
    return found


def _pair(cell: CellRecord, other: CellRecord, spec: MetricSpec) -> list[tuple[float, CellRecord, str, int]]:
    """(difference, the method's cell, sample, draw) of every trial that both have; positive is better."""
    own, theirs = values_of(cell, spec), values_of(other, spec)
    sign = 1.0 if spec.higher_is_better else -1.0
    return [(sign * (own[k] - theirs[k]), cell, *k) for k in own.keys() & theirs.keys()]


@dataclass(frozen=True)
class Item:
    """One trial of the gallery: the same for every method of its section."""

    section: SectionKey
    sample: str
    draw: int


def gallery_items(cells: Sequence[CellRecord], spec: MetricSpec, most: int) -> tuple[list[Item], int]:
    """(the trials to show, how many there are): at most ``most`` per dataset.

    First the extremes of plain protocols, then plain protocols' other images, then extremes and images of
    the rest.
    """
    by_section = sections(cells)
    groups = {c.control for c in cells}
    plain = {key for key in by_section if key[1] in groups or not _distorted(by_section[key][0])}
    wanted: dict[DataKey, dict[Item, None]] = {}
    ranked = extremes(cells, spec)
    for first in (True, False):
        for extreme in ranked:
            if (extreme.section in plain) == first:
                item = Item(extreme.section, extreme.sample, extreme.draw)
                wanted.setdefault(extreme.section[0], {})[item] = None
        for key, members in by_section.items():
            if (key in plain) == first:
                own = wanted.setdefault(key[0], {})
                for sample, draw in _drawn(members, spec):
                    own.setdefault(Item(key, sample, draw), None)
    total = sum(len(items) for items in wanted.values())
    chosen = [item for items in wanted.values() for item in list(items)[:most]]
    order = {key: k for k, key in enumerate(by_section)}
    return sorted(chosen, key=lambda i: (order[i.section], i.sample, i.draw)), total


def _distorted(cell: CellRecord) -> bool:
    return cell.parts is not None and (cell.parts.transform is not None or bool(cell.parts.reference.id))


def _drawn(members: Sequence[CellRecord], spec: MetricSpec) -> list[tuple[str, int]]:
    """First draws of the images that any method of the section has."""
    found: dict[tuple[str, int], None] = {}
    for cell in members:
        trials: Trials = values_of(cell, spec)
        keys = trials.keys() if trials else [row.key for row in cell.rows if row.ok]
        found.update(dict.fromkeys(key for key in sorted(keys) if key[1] == 0))
    return list(found)
