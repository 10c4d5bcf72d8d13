"""PSNR on unrounded luma or on RGB, peak 255."""

from __future__ import annotations

import math

import numpy as np

from refbench.metrics.build import Metric
from refbench.metrics.colour import channels
from refbench.metrics.pair import cropped_pair
from refbench.specs import MetricSpec
from refbench.types import Image


def psnr(sr: Image, target: Image, *, space: str, crop: int) -> float:
    """PSNR in dB: 10 log10(255^2 / MSE), the MSE over all pixels (and channels for ``rgb``).

    ``math.inf`` for identical images: means leave such images out and say how many there were.
    """
    a, b = cropped_pair(sr, target, crop=crop, smallest=1, metric="PSNR")
    error = float(np.mean((channels(a, space) - channels(b, space)) ** 2))
    return math.inf if error == 0.0 else 10.0 * math.log10(255.0**2 / error)


def factory(spec: MetricSpec) -> Metric:
    """Reads ``space`` and ``crop`` from the spec's options."""
    space, crop = str(spec.options["space"]), int(spec.options["crop"] or 0)
    return lambda sr, target: psnr(sr, target, space=space, crop=crop)
