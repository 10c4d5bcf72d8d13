"""Gathers finished cells into the tables of a report: one per dataset, seed and question asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refbench.results.record import CellRecord

REFERENCE_NUMBER = ("count", "all")
TITLES = {
    "protocols": "Protocols",
    "type": "Type of reference",
    "number": "Number of references",
    "other": "Other protocols",
}
"""Kinds of groups; a kind that is not here is a family of transforms (``jitter@1``)."""


@dataclass(frozen=True)
class Group:
    """Cells whose sections stand in one table; within a section methods are ranked, across none are."""

    dataset_label: str
    seed: Any
    kind: str
    """A key of TITLES, or a transform family with its reference where that is not the first one."""
    cells: tuple[CellRecord, ...]

    @property
    def title(self) -> str:
        """``cufed5-sample: jitter@1 of the reference``."""
        family, comma, reference = self.kind.partition(", ")
        what = TITLES.get(self.kind, f"{of_what(family)}{comma}{reference}")
        return f"{self.dataset_label}: {what}"


def of_what(family: str) -> str:
    """``jitter@1 of the reference``; a degradation of LR says so itself: ``lr-blur@1``."""
    return family if family.startswith("lr-") else f"{family} of the reference"


DataKey = tuple[str, str, Any]
"""(dataset label, fingerprint, seed): cells that differ here share nothing."""


def data_key(cell: CellRecord) -> DataKey:
    """What two cells must share to be in one group."""
    summary = cell
    return (
        summary.dataset_label,
        str(summary.compare_key.get("dataset")),
        summary.compare_key.get("seed"),
    )


def by_data(cells: Sequence[CellRecord]) -> dict[DataKey, list[CellRecord]]:
    """Cells of each dataset and seed, in order."""
    found: dict[DataKey, list[CellRecord]] = {}
    for cell in cells:
        found.setdefault(data_key(cell), []).append(cell)
    return found


def group_cells(cells: Sequence[CellRecord]) -> tuple[Group, ...]:
    """Groups in the order of ``cells``; a group of distorted references begins with its control."""
    groups: list[Group] = []
    for (label, _, seed), members in by_data(cells).items():
        kinds: dict[str, list[CellRecord]] = {}
        for cell in members:
            kinds.setdefault(_kind(cell), []).append(cell)
        for kind, own in sorted(kinds.items(), key=lambda item: _rank(item[0])):
            wanted = {c.control for c in own} - {None} - {c.protocol for c in own}
            controls = [c for c in members if c.protocol in wanted]
            groups.append(Group(label, seed, kind, (*controls, *own)))
    return tuple(groups)


def _kind(cell: CellRecord) -> str:
    parts = cell.parts
    if parts is None:
        return "other"
    if parts.transform is not None:
        return parts.transform if not parts.reference.id else f"{parts.transform}, {parts.reference.id}"
    if not parts.reference.id:
        return "protocols"
    return "number" if parts.reference.name in REFERENCE_NUMBER else "type"


def _rank(kind: str) -> tuple[int, str]:
    order = {"protocols": 0, "type": 2, "number": 3, "other": 4}
    return order.get(kind, 1), kind
