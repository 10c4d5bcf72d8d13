"""What the study cost, summed over its rows: for compute statements and reporting forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refbench.results.record import CellRecord


@dataclass(frozen=True)
class Compute:
    """The trials of one device."""

    device: str
    """Model of the GPU, or of the processor."""
    gpu: bool
    trials: int
    method_seconds: float
    """Inside the methods."""
    total_seconds: float
    """With reading, degrading and scoring."""
    peak_mb: float | None
    """Largest memory of one trial in MiB: of the device on CUDA, else the resident set."""


def compute_of(cells: Sequence[CellRecord]) -> tuple[Compute, ...]:
    """One entry per device, in order of appearance; cells without rows at hand add nothing."""
    found: dict[tuple[str, bool], list[CellRecord]] = {}
    for cell in {cell.run_key: cell for cell in cells}.values():
        gpu = any(row.device.startswith("cuda") for row in cell.rows)
        name = cell.machine.get("device" if gpu else "cpu") or cell.machine.get("device") or "not recorded"
        found.setdefault((name, gpu), []).append(cell)
    return tuple(_compute(name, gpu, members) for (name, gpu), members in found.items())


def _compute(name: str, gpu: bool, cells: Sequence[CellRecord]) -> Compute:
    rows = [row for cell in cells for row in cell.rows if row.ok]
    peaks = [row.peak_mb for row in rows if row.peak_mb is not None]
    return Compute(
        name,
        gpu,
        len(rows),
        sum(row.seconds.get("method", 0.0) for row in rows),
        sum(row.seconds.get("total", 0.0) for row in rows),
        max(peaks) if peaks else None,
    )


def duration(seconds: float) -> str:
    """``42 s``, ``12.3 min``, ``4.56 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.2f} h"
