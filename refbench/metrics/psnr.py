"""PSNR on unrounded luma, gray or RGB, peak 255; of the whole image or of a region."""

from __future__ import annotations

import math

import numpy as np

from refbench.metrics.build import Metric
from refbench.metrics.colour import measured
from refbench.metrics.pair import Mask, cropped_mask, cropped_pair
from refbench.specs import MetricSpec
from refbench.types import Image


def psnr(
    sr: Image, target: Image, mask: Mask | None = None, *, space: str, crop: int, variant: str = ""
) -> float:
    """PSNR in dB: 10 log10(255^2 / MSE), the MSE over all pixels (and channels for ``rgb``).

    mask: bool (H, W); the MSE is over its pixels that the crop leaves. variant ``pyiqa``: the luma is
    rounded first. ``math.inf`` for identical images: means leave such images out and say how many there
    were.

    >>> import numpy as np
    >>> black, grey = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    >>> psnr(grey, black, space="rgb", crop=0)
    0.0
    """
    a, b = cropped_pair(sr, target, crop=crop, smallest=1, metric="PSNR")
    squared = (measured(a, space, variant) - measured(b, space, variant)) ** 2
    if mask is not None:
        squared = squared[cropped_mask(mask, crop=crop, metric="PSNR")]
    error = float(np.mean(squared))
    return math.inf if error == 0.0 else 10.0 * math.log10(255.0**2 / error)


def factory(spec: MetricSpec) -> Metric:
    """Reads ``space``, ``crop`` and ``variant`` from the spec's options."""
    space, crop = str(spec.options["space"]), int(spec.options["crop"] or 0)
    variant = str(spec.options.get("variant") or "")
    return lambda sr, target, mask=None: psnr(sr, target, mask, space=space, crop=crop, variant=variant)
