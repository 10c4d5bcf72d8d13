"""What the gate found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["regressed", "not comparable", "improved", "unchanged"]

ORDER: tuple[Verdict, ...] = ("regressed", "not comparable", "improved", "unchanged")
"""Worst first: what several parts amount to is the first of these that occurs."""

OK, REGRESSED, NOT_COMPARABLE = 0, 1, 3
"""Exit codes; 2 is a usage error (UserError)."""


@dataclass(frozen=True)
class ImageChange:
    """One image, then and now. ``inf`` is a value: SR equals the target."""

    sample_id: str
    baseline: float
    """Mean over its draws."""
    current: float
    change: float
    """Positive is better for every metric."""


@dataclass(frozen=True)
class MetricVerdict:
    """One metric, or one cost, of one cell."""

    name: str
    """Alias (``psnr_y``) or cost (``seconds``)."""
    verdict: Verdict
    baseline: float | None = None
    """Mean over the compared images then; over those with a finite value then and now."""
    current: float | None = None
    """Mean over the same images now."""
    change: float | None = None
    """Metrics: mean paired change, positive is better. Costs: the ratio current / baseline."""
    lo: float | None = None
    hi: float | None = None
    tolerance: float | None = None
    """Tolerated loss; for costs the tolerated ratio."""
    images: int = 0
    """HR images that were compared."""
    image_limit: float | None = None
    """What a single image may lose; None where the interval of the mean decides alone."""
    worse: tuple[ImageChange, ...] = ()
    """Images that lost more than the limit, worst first."""
    better: tuple[ImageChange, ...] = ()
    """Images that gained more than the limit, best first."""
    worst: tuple[ImageChange, ...] = ()
    """The images with the largest losses, whether beyond the limit or not, worst first."""
    largest: float = 0.0
    """Largest change of one image in either direction, as a size; ``inf`` where one side is infinite."""
    reason: str = ""
    """Why it is not comparable, or a remark."""
    is_cost: bool = False


@dataclass(frozen=True)
class CellVerdict:
    """One cell of the baseline."""

    name: str
    """``datsr (compact) on cufed5-sample, canonical@1``."""
    metrics: tuple[MetricVerdict, ...]
    reason: str = ""
    """Why no cell of the run can be compared with it: the first field that differs."""
    field: str = ""
    """That field: ``method``, ``dataset``, ``protocol.id``, ``seed``, ``weights``."""
    run_key: str = ""
    """The cell of the run that it was compared with."""
    remark: str = ""
    """What else a reader should know, e.g. other weights, a method that is flaky."""
    added: tuple[str, ...] = ()
    """Images of the run that the baseline does not have."""
    missing: tuple[str, ...] = ()
    """Images of the baseline that the run does not have."""
    changed: tuple[str, ...] = ()
    """Images of one name whose HR or reference is another than in the baseline."""

    @property
    def verdict(self) -> Verdict:
        if self.reason:
            return "not comparable"
        return _worst([metric.verdict for metric in self.metrics])


@dataclass(frozen=True)
class GateResult:
    """Every cell of the baseline with its verdict."""

    cells: tuple[CellVerdict, ...]
    extra: tuple[str, ...] = ()
    """Cells of the run that the baseline does not have."""

    @property
    def verdict(self) -> Verdict:
        return _worst([cell.verdict for cell in self.cells])

    @property
    def exit_code(self) -> int:
        """0 fine, 1 regressed, 3 something of the baseline could not be compared."""
        return {"regressed": REGRESSED, "not comparable": NOT_COMPARABLE}.get(self.verdict, OK)


def _worst(verdicts: list[Verdict]) -> Verdict:
    return next((verdict for verdict in ORDER if verdict in verdicts), "not comparable")
