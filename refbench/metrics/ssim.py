"""SSIM as the official codes compute it: 11x11 Gaussian window, sigma 1.5, valid region only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from refbench.metrics.build import Metric
from refbench.metrics.colour import channels
from refbench.metrics.pair import cropped_pair
from refbench.specs import MetricSpec
from refbench.types import Image

WINDOW = 11


def ssim(sr: Image, target: Image, *, space: str, crop: int) -> float:
    """Mean SSIM in [-1, 1] (Wang et al. 2004); for ``rgb`` the mean of the three channels.

    Raises SampleError when less than one 11x11 window remains after the crop.
    """
    import skimage.metrics

    structural_similarity: Callable[..., Any] = skimage.metrics.structural_similarity
    a, b = cropped_pair(sr, target, crop=crop, smallest=WINDOW, metric="SSIM")
    return float(
        structural_similarity(
            channels(a, space),
            channels(b, space),
            data_range=255.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2 if space == "rgb" else None,
        )
    )


def factory(spec: MetricSpec) -> Metric:
    """Reads ``space`` and ``crop`` from the spec's options."""
    space, crop = str(spec.options["space"]), int(spec.options["crop"] or 0)
    return lambda sr, target: ssim(sr, target, space=space, crop=crop)
