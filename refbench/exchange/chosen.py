"""Which cell and which metric of it a format with room for one of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from refbench.errors import UserError, unknown
from refbench.exchange import ExportRequest
from refbench.results.audits import read_audits
from refbench.results.cells import load_cells
from refbench.results.drops import Drops
from refbench.results.record import CellRecord
from refbench.specs import MetricSpec


def cells_of(request: ExportRequest) -> tuple[CellRecord, ...]:
    """The cells that were named, each with what an audit said of it. UserError where there are none."""
    files = request.settings.get("audits") or ()
    audits = read_audits([Path(str(file)).expanduser() for file in files])
    return load_cells(request.places, audits).cells


def main_metric(cell: CellRecord, alias: str = "") -> MetricSpec:
    """The metric called ``alias``, or the first one of images with a mean. Raises UserError without one."""
    present = {name: metric for name, metric in cell.metrics.items() if metric.mean is not None}
    if alias:
        if alias not in present:
            raise unknown(f"metric of {place(cell)}", alias, present)
        return present[alias].spec
    images = [metric.spec for metric in present.values() if metric.spec.kind == "image"]
    if not images:
        raise UserError(f"{place(cell)}: no metric has a mean; score one with refbench score metrics=[...]")
    return images[0]


def one_cell(
    cells: Sequence[CellRecord], *, method: str = "", dataset: str = "", protocol: str = ""
) -> CellRecord:
    """The one cell that the names leave: never the baseline of another method, and an undistorted protocol
    where both kinds are there. Raises UserError listing what would tell the others apart."""
    left = [
        cell
        for cell in cells
        if (not method or method in (cell.method, cell.method_label))
        and (not dataset or dataset in (cell.dataset, cell.dataset_label))
        and (not protocol or protocol == cell.protocol)
    ]
    if not left:
        names = ", ".join(sorted({place(cell) for cell in cells}))
        raise UserError(f"badge: no cell of that name; there are: {names}")
    if len(left) > 1 and not method:
        left = [cell for cell in left if not cell.baseline] or left
    if len(left) > 1 and not protocol:
        left = undistorted(left, cells)
    if len(left) > 1:
        names = ", ".join(place(cell) for cell in left)
        raise UserError(f"badge: shows one number; choose with method=, dataset=, protocol= from: {names}")
    return left[0]


def undistorted(some: Sequence[CellRecord], cells: Sequence[CellRecord]) -> list[CellRecord]:
    """Those that drops among ``cells`` are measured from; else those without control, else all."""
    controls = Drops(cells).protocols
    return (
        [cell for cell in some if cell.protocol in controls]
        or [cell for cell in some if cell.control is None]
        or list(some)
    )


def place(cell: CellRecord) -> str:
    """``datsr (mse) on cufed5, canonical@1``."""
    return f"{cell.method_label} on {cell.dataset_label}, {cell.protocol}"
