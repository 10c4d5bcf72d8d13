"""Crops of the worst images of a check, as PNG files next to the Markdown summary: HR and SR side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from refbench.gate.verdict import GateResult, ImageChange
from refbench.imaging import write_image
from refbench.registry import Registry
from refbench.reports.pictures import crop_boxes, cut
from refbench.results.record import CellRecord
from refbench.results.trials import TrialImages
from refbench.store import SampleRow, load_run
from refbench.types import Image
from refbench.untrusted.escape import markdown_text

SHOWN = 3
"""Images of each cell."""
SIDE = 96
GAP = 4


def crops(result: GateResult, cells: Sequence[CellRecord], summary: Path) -> str:
    """Markdown with the crops of the worst images of regressed cells whose SR images were kept.

    The files lie in ``<summary>.crops/`` and are linked relatively. Empty where nothing can be shown.
    """
    by_key = {cell.run_key: cell for cell in cells}
    images = TrialImages(Registry.discover())
    folder = summary.with_name(f"{summary.stem}.crops")
    lines: list[str] = []
    for number, verdict in enumerate(result.cells):
        cell = by_key.get(verdict.run_key)
        bad = next((m for m in verdict.metrics if m.verdict == "regressed" and not m.is_cost), None)
        if cell is None or bad is None:
            continue
        rows = {row.sample_id: row for row in load_run(cell.path).rows if row.ok}
        for place, change in enumerate((bad.worse or bad.worst)[:SHOWN]):
            row = rows.get(change.sample_id)
            picture = None if row is None else crop(cell, row, images)
            if picture is None:
                continue
            path = write_image(folder / f"{number}_{place}.png", picture)
            link = path.relative_to(summary.parent).as_posix()
            lines += [_caption(change, bad.name), "", f"![HR, SR](<{quote(link)}>)", ""]
    if not lines:
        return ""
    head = "Worst images: HR on the left, SR on the right, where they are furthest apart."
    return "\n".join(["<details open><summary>Crops</summary>", "", head, "", *lines, "</details>"])


def _caption(change: ImageChange, metric: str) -> str:
    numbers = f"{change.baseline:.4f} -> {change.current:.4f} ({change.change:+.4f})"
    return f"{markdown_text(change.sample_id)}: {metric} {numbers}"


def crop(cell: CellRecord, row: SampleRow, images: TrialImages) -> Image | None:
    """HR and SR side by side, (h, 2 w + GAP, 3), where they differ most; None where either is not there."""
    sr = images.sr(cell, row)
    trial = images.trial(cell, row) if sr is not None else None
    if sr is None or trial is None or trial.target is None or trial.target.shape != sr.shape:
        return None
    error = np.abs(sr.astype(np.int16) - trial.target).mean(axis=2)
    (box,) = crop_boxes(error, 1, SIDE)
    height, width = box[2:]
    made: Image = np.full((height, 2 * width + GAP, 3), 255, np.uint8)
    made[:, :width], made[:, width + GAP :] = cut(trial.target, box), cut(sr, box)
    return made
