"""What methods cost: time and its parts, matching share, memory, and how matching grows with the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from statistics import fmean, median, quantiles

from refbench.results.record import CellRecord
from refbench.stages import STAGES
from refbench.store import SampleRow


@dataclass(frozen=True)
class Cost:
    """One cell's cost."""

    method_label: str
    dataset_label: str
    protocol: str
    device: str
    """``cpu``, ``cuda:0``; several where rows differ."""
    seconds: float | None
    """Median seconds of the method per image, the first trial (warm-up) left out."""
    spread: tuple[float, float] | None
    """Quartiles of the same; None for fewer than two trials."""
    stages: Mapping[str, float]
    """Median seconds of each stage per image, those that the method opens; as ``seconds``."""
    peak_mb: float | None
    """Highest memory in MiB (device memory on CUDA, else resident set)."""
    parameters: float | None
    """Learned numbers; None where they are not known (the method works in another process, or on files)."""
    flops: float | None
    """Operations of one trial of the cell, matching included, with nothing cached; None: not known."""

    @property
    def match_share(self) -> float | None:
        """Matching's share of the time in all opened stages, in [0, 1]; None without such a stage."""
        total = sum(self.stages.values())
        return self.stages["match"] / total if "match" in self.stages and total > 0 else None


@dataclass(frozen=True)
class ScalePoint:
    """Matching time at one size of the problem."""

    pairs: int
    """LR pixels x reference pixels, the number of patch pairs that an exhaustive search would compare."""
    seconds: float
    rows: int


def cost_of(cell: CellRecord) -> Cost:
    """The cost of one cell, from its rows."""
    rows = warmed(cell)
    seconds = [row.seconds["method"] for row in rows if "method" in row.seconds]
    opened = dict.fromkeys(name for row in rows for name in row.stages)
    stages = {
        name: median(times)
        for name in opened
        if (times := [t for r in rows if (t := r.stages.get(name, {}).get("seconds")) is not None])
    }
    known = [s for s in STAGES if s in stages] + sorted(s for s in stages if s not in STAGES)
    devices = dict.fromkeys(row.device for row in cell.rows if row.ok and row.device)
    return Cost(
        method_label=cell.method_label,
        dataset_label=cell.dataset_label,
        protocol=cell.protocol,
        device=", ".join(devices),
        seconds=median(seconds) if seconds else cell.costs.get("seconds"),
        spread=_quartiles(seconds),
        stages={name: stages[name] for name in known},
        peak_mb=cell.costs.get("peak_mb"),
        parameters=cell.work.get("parameters"),
        flops=cell.work.get("flops"),
    )


def warmed(cell: CellRecord) -> list[SampleRow]:
    """The ok rows without the first one, which pays for caches, allocators and compilation; a single row
    stays, there is nothing else."""
    rows = [row for row in cell.rows if row.ok]
    return rows[1:] or rows


def _quartiles(values: Sequence[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def parameters_text(value: float | None) -> str:
    """``2.31 M``, ``unknown``."""
    if value is None:
        return "unknown"
    return f"{value:.0f}" if value < 1e4 else f"{value / 1e6:.2f} M"


def flops_text(value: float | None) -> str:
    """GFLOP: ``41.7``, ``unknown``."""
    return "unknown" if value is None else f"{value / 1e9:.{1 if value >= 1e10 else 3}f}"


BINS_PER_DECADE = 8


def scaling(cells: Sequence[CellRecord]) -> dict[str, tuple[ScalePoint, ...]]:
    """Method label -> mean matching time by size, rising; methods with at least two sizes.

    Sizes are gathered in bins of a factor of 10 ** (1 / BINS_PER_DECADE): a set of photographs has hardly
    two images of one size.
    """
    found: dict[str, dict[int, list[tuple[int, float]]]] = {}
    for cell in cells:
        own = found.setdefault(cell.method_label, {})
        for row in cell.rows:
            seconds = row.stages.get("match", {}).get("seconds") if row.ok else None
            if seconds is None or row.lr_size is None or not row.ref_sizes:
                continue
            area = sum(height * width for height, width in row.ref_sizes)
            pairs = row.lr_size[0] * row.lr_size[1] * area
            if pairs > 0:
                own.setdefault(round(BINS_PER_DECADE * log10(pairs)), []).append((pairs, seconds))
    return {
        method: tuple(
            ScalePoint(round(fmean(p for p, _ in own)), fmean(s for _, s in own), len(own))
            for _, own in sorted(bins.items())
        )
        for method, bins in found.items()
        if len(bins) > 1
    }
