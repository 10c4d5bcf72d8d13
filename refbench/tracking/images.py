"""What a child run shows of its images: a table with a row per trial, and the layout of the dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from refbench.results.record import CellRecord
from refbench.store.reader import read_rows, select

Column = Sequence[str | float | None]
COLUMNS: Mapping[str, str] = {
    "sample": "string", "hr_height": "long", "hr_width": "long", "lr_height": "long", "lr_width": "long",
    "references": "long",
}  # fmt: skip
"""Column of a dataset -> its type in MLflow: what a sample has, as its rows recorded it."""


def image_table(cell: CellRecord) -> dict[str, Column]:
    """Column -> one value per trial: sample, draw, the metrics by name, seconds, references, error.

    Values that are not finite (PSNR of equal images is infinite) are texts. The rows are read from disk: a
    run keeps none of them in memory.
    """
    rows = select(read_rows(cell.path)[0], None)
    table: dict[str, Column] = {"sample": [r.sample_id for r in rows], "draw": [r.draw for r in rows]}
    for alias, metric in cell.metrics.items():
        own = metric.signature
        values = [r.metrics.get(own) for r in rows]
        table[alias] = [r.special.get(own) if v is None else v for r, v in zip(rows, values, strict=True)]
    table["seconds"] = [r.seconds.get("method") for r in rows]
    table["references"] = [", ".join(r.ref_names) for r in rows]
    table["error"] = [r.error for r in rows]
    return table


def dataset_profile(cells: Sequence[CellRecord]) -> dict[str, int]:
    """What MLflow shows of a dataset's extent: its images, and the most references that one of them had."""
    return {
        "num_rows": max(cell.n for cell in cells),
        "most_references": max(cell.references[1] for cell in cells),
    }
