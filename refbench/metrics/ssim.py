"""SSIM as the official codes compute it: 11x11 Gaussian window, sigma 1.5, valid region only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError
from refbench.metrics.build import Metric
from refbench.metrics.colour import measured
from refbench.metrics.pair import Mask, cropped_mask, cropped_pair
from refbench.specs import MetricSpec
from refbench.types import Image

WINDOW = 11
FLAT = 7
"""Side of the flat window of the variant ``skimage``."""


def edge_of(variant: str) -> int:
    """Pixels along each side that are not the centre of a window."""
    return (FLAT if variant == "skimage" else WINDOW) // 2


def ssim_map(
    sr: Image, target: Image, *, space: str, crop: int, variant: str = ""
) -> npt.NDArray[np.float64]:
    """SSIM (Wang et al. 2004) of every window that lies within the cropped image, (H', W'), in [-1, 1].

    For ``rgb`` the mean of the three channels. variant ``pyiqa``: on rounded luma and never below 0, as
    pyiqa and the papers that used it; ``skimage``: the defaults of scikit-image's structural_similarity, a
    flat 7x7 window and sample covariances. Raises SampleError when less than one window remains after the
    crop.
    """
    import skimage.metrics

    structural_similarity: Callable[..., Any] = skimage.metrics.structural_similarity
    flat = variant == "skimage"
    a, b = cropped_pair(sr, target, crop=crop, smallest=FLAT if flat else WINDOW, metric="SSIM")
    _, full = structural_similarity(
        measured(a, space, variant),
        measured(b, space, variant),
        data_range=255.0,
        channel_axis=2 if space == "rgb" else None,
        full=True,
        **({"win_size": FLAT} if flat else {"gaussian_weights": True, "sigma": 1.5}),
        use_sample_covariance=flat,
    )
    edge = edge_of(variant)
    valid = np.asarray(full, dtype=np.float64)[edge:-edge, edge:-edge]
    if variant == "pyiqa":
        valid = np.maximum(valid, 0.0)
    return valid.mean(axis=2) if valid.ndim == 3 else valid


def ssim(
    sr: Image, target: Image, mask: Mask | None = None, *, space: str, crop: int, variant: str = ""
) -> float:
    """Mean of :func:`ssim_map`; with ``mask`` (H, W) over the windows whose centre lies in the region."""
    values = ssim_map(sr, target, space=space, crop=crop, variant=variant)
    if mask is None:
        return float(values.mean())
    edge = edge_of(variant)
    inner = cropped_mask(mask, crop=crop, metric="SSIM")[edge:-edge, edge:-edge]
    if not inner.any():
        raise SampleError("no SSIM window has its centre in the region")
    return float(values[inner].mean())


def factory(spec: MetricSpec) -> Metric:
    """Reads ``space``, ``crop`` and ``variant`` from the spec's options."""
    space, crop = str(spec.options["space"]), int(spec.options["crop"] or 0)
    variant = str(spec.options.get("variant") or "")
    # scoring has a thread of its own, and threads import nothing: see Worker.import_needs
    from skimage.metrics import structural_similarity  # noqa: F401

    return lambda sr, target, mask=None: ssim(sr, target, mask, space=space, crop=crop, variant=variant)
