"""The quality that a cell lost against its control: decided here for tables, documents and the mirror."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from refbench.identity.keys import canonical_json
from refbench.results.provenance import provenance_of
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec
from refbench.stats.paired import Comparison, Trials, compare_images, foresee_images


class Drops:
    """The drops among a set of cells: each is computed once, whoever asks for it."""

    def __init__(self, cells: Sequence[CellRecord]) -> None:
        # of two that read alike the first counts
        self._cells = {self._place(cell, cell.protocol): cell for cell in reversed(cells)}
        self._known: dict[tuple[int, str], Comparison | None] = {}
        self._kept = tuple(cells)
        self.protocols = frozenset(cell.control for cell in cells if cell.control is not None)
        """Protocols that some cell's drop is measured from."""

    def control(self, cell: CellRecord) -> CellRecord | None:
        """The undistorted cell of the same method on the same data with the same seed."""
        if cell.control is None or cell.control == cell.protocol:
            return None
        return self._cells.get(self._place(cell, cell.control))

    def of(self, cell: CellRecord, signature: str) -> Comparison | None:
        """Quality lost by ``cell`` against its control, positive is worse; None without a control's value."""
        key = (id(cell), signature)
        if key not in self._known:
            self._known[key] = self._compared(cell, signature)
        return self._known[key]

    def foresee(self, cells: Sequence[CellRecord], spec: MetricSpec) -> None:
        """Say whose drops are asked for next: together they take a tenth of the time."""
        pairs = (self._pair(cell, spec) for cell in cells)
        foresee_images((pair for pair in pairs if pair is not None), spec.bounds)

    def _compared(self, cell: CellRecord, signature: str) -> Comparison | None:
        spec = next((m.spec for m in cell.metrics.values() if m.signature == signature), None)
        pair = self._pair(cell, spec) if spec is not None else None
        return compare_images(*pair, spec.bounds) if spec is not None and pair is not None else None

    def _pair(self, cell: CellRecord, spec: MetricSpec) -> tuple[Trials, Trials] | None:
        """Whose difference is the quality lost, the better one first."""
        control = self.control(cell)
        if control is None:
            return None
        clean, own = trials_of(control, spec.signature), trials_of(cell, spec.signature)
        if not own or not clean:
            return None
        return (clean, own) if spec.higher_is_better else (own, clean)

    @staticmethod
    def _place(cell: CellRecord, protocol: str) -> str:
        data = [cell.compare_key.get(field) for field in ("dataset", "seed")]
        return canonical_json([protocol, cell.method_label, data])


def trials_of(cell: CellRecord, signature: str) -> Trials:
    """The cell's finite values under a metric's signature; empty where it has none."""
    alias = next((a for a, summary in cell.metrics.items() if summary.signature == signature), None)
    return cell.values.get(alias, {}) if alias is not None else {}


def drop_document(drop: Comparison | None) -> dict[str, float | None] | None:
    """``{"mean", "lo", "hi"}``, or null where nothing can be measured."""
    if drop is None or drop.difference.mean is None:
        return None
    return {"mean": drop.difference.mean, "lo": drop.difference.lo, "hi": drop.difference.hi}


def cells_document(cells: Sequence[CellRecord], drops: Drops) -> list[dict[str, Any]]:
    """The cells as ``run --json`` and ``report format=json`` print them."""
    documents = []
    for cell in cells:
        document = cell.json()
        if cell.run is not None:
            document["provenance"] = provenance_of(cell).json()
        metrics: Mapping[str, dict[str, Any]] = document["metrics"]
        for metric in metrics.values():
            metric["drop"] = drop_document(drops.of(cell, metric["signature"]))
        documents.append(document)
    return documents
