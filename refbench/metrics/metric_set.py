"""The metrics of a run, built once: what can be computed, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError
from refbench.metrics import Metric, MetricUnavailable, build
from refbench.metrics.regions import Regions
from refbench.specs import MetricSpec
from refbench.types import Image, Trial

NO_TRUTH = "no ground truth"
"""Why a metric is absent that compares with HR."""


NOT_EXACT = "needs SR before it is rounded, which is known during the run only"
"""Why a metric of ``round=none`` is absent where a kept image is scored."""


class MetricSet:
    """Scores an image pair with several metrics."""

    def __init__(self, specs: Iterable[MetricSpec]) -> None:
        """``specs``: those that are not of kind ``image`` are left out."""
        self._ready: list[tuple[MetricSpec, Metric]] = []
        self._absent: dict[str, str] = {}
        for spec in specs:
            if spec.kind != "image":
                continue
            try:
                self._ready.append((spec, build(spec)))
            except MetricUnavailable as reason:
                self._absent[spec.alias] = reason.reason

    def ready(self, spec: MetricSpec) -> bool:
        """Whether the metric can be computed here."""
        return any(spec == known for known, _ in self._ready)

    def score(
        self, sr: Image, trial: Trial, exact: npt.NDArray[np.float32] | None = None
    ) -> tuple[Mapping[str, float | None], Mapping[str, str]]:
        """(value by signature, reason by alias for what was not computed) of ``sr`` (H, W, 3) for the
        trial's target and regions. exact: SR before it was rounded, where it is known. Raises SampleError."""
        values: dict[str, float | None] = {}
        absent = dict(self._absent)
        target, regions = trial.target, Regions(trial)
        for spec, metric in self._ready:
            if target is None and spec.needs_target:
                absent[spec.alias] = NO_TRUTH
                continue
            if spec.exact and exact is None:
                absent[spec.alias] = NOT_EXACT
                continue
            # the values of an 8-bit image, or between them: every metric of round=none takes both
            shown = exact if spec.exact and exact is not None else sr
            try:
                mask = (regions.mask(spec.region),) if spec.region else ()
                values[spec.signature] = float(
                    metric(cast("Image", shown), target if target is not None else sr, *mask)
                )
            except SampleError as error:
                # e.g. an image smaller than SSIM's window: the other metrics still stand
                absent[spec.alias] = str(error)
        return values, absent
