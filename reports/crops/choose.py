"""Which image and which part of it: named by a person, or where the methods differ most from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import pstdev

from refbench.errors import UserError
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec

from ..chosen import SectionKey, sections
from ..robustness import values_of

Box = tuple[int, int, int, int]
"""(top, left, height, width) in HR pixels."""
BOTH = (
    "image and place chosen automatically: the image on which {metric} varies most between the methods, "
    "and in it the place where their grey values vary most (standard deviations over methods; no method is "
    "favoured)"
)
PLACE = (
    "place chosen automatically: where the grey values of the methods vary most (standard deviation over "
    "methods; no method is favoured)"
)
"""What is said where a person did not choose; both begin a sentence."""


@dataclass(frozen=True)
class Wanted:
    """``crop=ID:x,y,w,h``, or a part of it: ``crop=ID`` leaves the place to be chosen."""

    sample: str
    box: Box | None


def parse_crops(text: str | None) -> tuple[Wanted, ...]:
    """``004:120,80,64,64;011`` as crops. Raises UserError with an example."""
    return tuple(_parse(part.strip()) for part in (text or "").split(";") if part.strip())


def _parse(text: str) -> Wanted:
    sample, colon, numbers = text.rpartition(":")
    if not colon or not sample:
        return Wanted(text.removesuffix(":"), None)
    try:
        x, y, width, height = (int(number) for number in numbers.split(","))
    except ValueError:
        raise UserError(
            f"crop={text}: write ID:x,y,w,h with whole HR pixels, e.g. crop=004:120,80,64,64"
        ) from None
    if min(x, y) < 0 or min(width, height) < 8:
        raise UserError(f"crop={text}: x and y start at 0, and a crop has at least 8 x 8 pixels")
    return Wanted(sample, (y, x, height, width))


@dataclass(frozen=True)
class Place:
    """One trial to show, with the cells that have it."""

    section: SectionKey
    sample: str
    draw: int
    cells: tuple[CellRecord, ...]
    automatic: bool
    """The image was not named by a person."""


def places(
    cells: Sequence[CellRecord], spec: MetricSpec, wanted: Sequence[Wanted]
) -> list[tuple[Place, Wanted | None]]:
    """The trials to show, first protocol with the most methods. Raises UserError where there are none."""
    found = [(key, own) for key, own in sections(cells).items() if any(_with_image(c) for c in own)]
    if not found:
        raise UserError(
            "format=crops needs the SR images of finished runs, and none were kept (run with images=png)"
        )
    key, members = max(found, key=lambda item: len(item[1]))
    if not wanted:
        sample, draw = _most_spread(members, spec)
        return [(_place(key, sample, draw, members, True), None)]
    chosen: list[tuple[Place, Wanted | None]] = []
    for crop in wanted:
        here = [(k, own) for k, own in found if any(crop.sample in _with_image(c) for c in own)]
        if not here:
            known = sorted({sample for _, own in found for c in own for sample in _with_image(c)})
            shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
            raise UserError(f"crop={crop.sample}: no kept SR image of that sample; there are {shown}")
        own_key, own = max(here, key=lambda item: len(item[1]))
        draw = min(d for c in own for s, d in _with_image(c).values() if s == crop.sample)
        chosen.append((_place(own_key, crop.sample, draw, own, False), crop))
    return chosen


def _with_image(cell: CellRecord) -> Mapping[str, tuple[str, int]]:
    """Sample -> its first draw with a kept SR image."""
    found: dict[str, tuple[str, int]] = {}
    for row in cell.rows:
        if row.ok and row.image is not None:
            found[row.sample_id] = min(found.get(row.sample_id, row.key), row.key)
    return found


def _place(key: SectionKey, sample: str, draw: int, members: Sequence[CellRecord], automatic: bool) -> Place:
    own = tuple(c for c in members if any(row.ok and row.key == (sample, draw) for row in c.rows))
    return Place(key, sample, draw, own, automatic)


def _most_spread(members: Sequence[CellRecord], spec: MetricSpec) -> tuple[str, int]:
    """The trial whose values differ most between methods; the first one where none can be compared."""
    values = {id(c): values_of(c, spec) for c in members}
    kept = sorted({key for c in members for key in _with_image(c).values()})
    most = max(sum(key in values[id(c)] for c in members) for key in kept)
    shared = [key for key in kept if sum(key in values[id(c)] for c in members) == most]
    return max(shared, key=lambda key: _spread([v[key] for v in values.values() if key in v]))


def _spread(values: Sequence[float]) -> float:
    return pstdev(values) if len(values) > 1 else 0.0
