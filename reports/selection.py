"""Which methods, datasets and protocols a figure or table for a paper shows, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from refbench.errors import UserError, unknown
from refbench.registry import Registry
from refbench.results.record import CellRecord
from refbench.specs import DatasetSpec, MethodSpec

from .groups import group_cells

ALL = "all"
_Keys = Callable[[CellRecord], tuple[str, ...]]


@dataclass(frozen=True)
class Selection:
    """What to show; empty: everything that was not distorted, in the order of the report."""

    methods: tuple[str, ...] = ()
    """Ids or labels, in the order of the table."""
    datasets: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    """Parts of protocol ids (``jitter``), or ``all``; empty: the protocols without distorted references."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Id or label -> what to call it."""

    def of(self, cells: Sequence[CellRecord]) -> tuple[CellRecord, ...]:
        """The chosen cells, in the order asked for. Raises UserError for a name that no cell has."""
        found = self._of_protocols(cells)
        found = _ordered(found, self.datasets, "dataset", lambda c: (c.dataset_label, c.dataset))
        found = _ordered(found, self.methods, "method", lambda c: (c.method_label, c.method))
        if not found:
            raise UserError("no finished cell is left by methods=, datasets= and protocols=")
        return _plainly_named(_without_repeats(found))

    def _of_protocols(self, cells: Sequence[CellRecord]) -> list[CellRecord]:
        if self.protocols == (ALL,):
            return list(cells)
        if self.protocols:
            known = {c.protocol for c in cells}
            for part in self.protocols:
                if not any(part in protocol for protocol in known):
                    raise unknown("protocol", part, known)
            return [c for part in self.protocols for c in cells if part in c.protocol]
        plain = {id(c) for group in group_cells(cells) if group.kind == "protocols" for c in group.cells}
        return [c for c in cells if id(c) in plain] or list(cells)


def _without_repeats(cells: Sequence[CellRecord]) -> list[CellRecord]:
    """Each method once where settings that differ made the very same pixels: one reference fused in two ways
    is one row in print. By digests of the SR images; without them nothing is taken for equal."""
    seen: set[Hashable] = set()
    found = []
    for cell in cells:
        pixels = frozenset((row.sample_id, row.draw, row.sr_sha256) for row in cell.rows)
        known = bool(pixels) and all(sha for _, _, sha in pixels)
        key = (cell.dataset_label, cell.protocol, cell.seed, cell.method, cell.weights, pixels)
        if not known or key not in seen:
            found.append(cell)
        if known:
            seen.add(key)
    return found


def _plainly_named(cells: Sequence[CellRecord]) -> tuple[CellRecord, ...]:
    """Without what told variants of a method apart (``[multi=first]``), where one of them is left."""
    variants: dict[str, set[str]] = {}
    for cell in cells:
        variants.setdefault(_base(cell.method_label), set()).add(cell.method_label)
    return tuple(
        replace(cell, method_label=base) if len(variants[base := _base(cell.method_label)]) == 1 else cell
        for cell in cells
    )


def _base(label: str) -> str:
    """``datsr (compact)`` of ``datsr (compact) [multi=first]``."""
    return label.partition(" [")[0] if label.endswith("]") else label


def _ordered(cells: Iterable[CellRecord], wanted: Sequence[str], kind: str, keys: _Keys) -> list[CellRecord]:
    cells = list(cells)
    if not wanted:
        return cells
    found: dict[int, CellRecord] = {}
    for name in wanted:
        own = [c for c in cells if name in keys(c)]
        if not own:
            raise unknown(f"{kind} in these runs", name, {label for c in cells for label in keys(c)})
        found.update({id(c): c for c in own})
    return list(found.values())


class Names:
    """What methods, datasets and metrics are called in print: ``names=`` first, then their own spec."""

    def __init__(self, registry: Registry, given: Mapping[str, str] | None = None) -> None:
        self._given = dict(given or {})
        self._own: dict[str, str] = {}
        for entry in (*registry.entries("datasets"), *registry.entries("methods")):
            if isinstance(entry.spec, MethodSpec | DatasetSpec) and entry.spec.display:
                self._own[entry.name] = entry.spec.display

    def method(self, cell: CellRecord) -> str:
        """``DATSR (compact)`` for ``datsr (compact)``."""
        return self.label(cell.method, cell.method_label)

    def dataset(self, cell: CellRecord) -> str:
        """``CUFED5`` for ``cufed5``; what was said about parts of it stays: ``WR-SR [9 of 80]``."""
        return self.label(cell.dataset, cell.dataset_label)

    def label(self, plain: str, label: str) -> str:
        """A label with its id replaced by the name in print."""
        if label in self._given:
            return self._given[label]
        name = self._given.get(plain, self._own.get(plain, plain))
        return name + label.removeprefix(plain) if label.startswith(plain) else label

    def other(self, name: str) -> str:
        """The name given for anything else (a metric, a protocol), or the same."""
        return self._given.get(name, name)


def parse_names(words: Sequence[str]) -> dict[str, str]:
    """``datsr:Ours`` words as a mapping. Raises UserError for a word without ``:``."""
    found = {}
    for word in words:
        name, colon, shown = word.partition(":")
        if not colon or not name.strip() or not shown.strip():
            raise UserError(f"names={word}: write name:shown, e.g. names=datsr:Ours")
        found[name.strip()] = shown.strip()
    return found
