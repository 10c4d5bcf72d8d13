"""NIQE (Mittal et al., IEEE SPL 2013): how far an image's statistics are from those of pristine photographs.

The pristine model is the authors' (``data/niqe.safetensors``). Luma is rounded to whole numbers first, blocks
of 96 x 96 do not overlap, and the second scale is MATLAB's antialiased bicubic by half, as in the release and
in BasicSR. No sharpness threshold is applied to the blocks of the image under test, as in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError
from refbench.metrics.build import Metric
from refbench.metrics.colour import channels
from refbench.metrics.data_files import arrays
from refbench.metrics.pair import cropped
from refbench.specs import MetricSpec
from refbench.types import Image

BLOCK = 96
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Neighbours whose products are modelled: horizontal, vertical, both diagonals."""
Floats = npt.NDArray[np.float64]


def niqe(image: Image, *, space: str = "y601", crop: int = 0) -> float:
    """The distance of eq. (10), at least 0; lower is better. ``image``: uint8 RGB (H, W, 3).

    Raises SampleError for images with fewer than two blocks of 96 x 96 pixels (no covariance).
    """
    inner = cropped(image, crop=crop, smallest=BLOCK, metric="NIQE")
    luma = np.round(channels(inner, space))
    rows, columns = luma.shape[0] // BLOCK, luma.shape[1] // BLOCK
    if rows * columns < 2:
        raise SampleError(
            f"NIQE needs two blocks of {BLOCK}x{BLOCK}; {luma.shape[1]}x{luma.shape[0]} has one"
        )
    luma = luma[: rows * BLOCK, : columns * BLOCK]
    scales = [_block_features(luma, BLOCK), _block_features(_half(luma), BLOCK // 2)]
    found = np.concatenate(scales, axis=1)
    whole = found[~np.isnan(found).any(axis=1)]
    if len(whole) < 2:
        raise SampleError("NIQE: fewer than two blocks of this image have any texture")
    model = _pristine()
    difference = model["mean"] - np.nanmean(found, axis=0)
    pooled = (model["covariance"] + np.cov(whole, rowvar=False)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(pooled) @ difference))


def _block_features(luma: Floats, block: int) -> Floats:
    """(blocks, 18): generalised Gaussian parameters of the normalised luma and of neighbours' products."""
    normalised = _normalised(luma)
    rows, columns = luma.shape[0] // block, luma.shape[1] // block
    # column by column as in the release; the order does not change the statistics
    blocks = normalised.reshape(rows, block, columns, block).transpose(0, 2, 1, 3).reshape(-1, block, block)
    return np.array([list(_of_block(values)) for values in blocks])


def _of_block(values: Floats) -> Iterator[float]:
    from scipy.special import gamma

    shape, left, right = _asymmetric(values)
    yield shape
    yield (left + right) / 2
    for shift in SHIFTS:
        shape, left, right = _asymmetric(values * np.roll(values, shift, axis=(0, 1)))
        yield shape
        yield (right - left) * float(gamma(2 / shape) / gamma(1 / shape))
        yield left
        yield right


def _asymmetric(values: Floats) -> tuple[float, float, float]:
    """(shape, left scale, right scale) of an asymmetric generalised Gaussian, by moments."""
    from scipy.special import gamma

    shapes, ratios = _table()
    with np.errstate(invalid="ignore", divide="ignore"):
        left = _root_mean_square(values[values < 0])
        right = _root_mean_square(values[values > 0])
        skew = left / right
        ratio = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
        wanted = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    if not np.isfinite(wanted):
        # a block without texture: the release finds its first shape, and no scales
        return float(shapes[0]), float("nan"), float("nan")
    shape = float(shapes[np.argmin((ratios - wanted) ** 2)])
    spread = float(np.sqrt(gamma(1 / shape) / gamma(3 / shape)))
    return shape, float(left) * spread, float(right) * spread


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


@lru_cache(maxsize=1)
def _pristine() -> dict[str, Floats]:
    """The authors' model of undistorted images."""
    return arrays("niqe")


@lru_cache(maxsize=1)
def _table() -> tuple[Floats, Floats]:
    """Shapes 0.2, 0.201, ... 10 and the ratio of moments that each has."""
    from scipy.special import gamma

    shapes = np.arange(0.2, 10.001, 0.001)
    inverse = 1 / shapes
    ratios: Floats = gamma(2 * inverse) ** 2 / (gamma(inverse) * gamma(3 * inverse))
    return shapes, ratios


def _normalised(luma: Floats) -> Floats:
    """Eq. (1): (I - mu) / (sigma + 1) under a 7 x 7 Gaussian window, sigma 7/6, edges repeated.

    Where an image is flat, I - mu is rounding noise, whose sign decides on which side of the distribution a
    pixel counts. So the window is applied as the other codes do, in one piece: two passes make other noise.
    """
    from scipy.ndimage import convolve

    taps = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    window = np.outer(taps, taps)
    window /= window.sum()
    mean = convolve(luma, window, mode="nearest")
    deviation = np.sqrt(np.abs(convolve(luma**2, window, mode="nearest") - mean**2))
    normalised: Floats = (luma - mean) / (deviation + 1)
    return normalised


def _half(luma: Floats) -> Floats:
    """MATLAB's ``imresize(luma, 0.5)``: antialiased bicubic (a = -0.5), mirrored edges; even sizes."""

    def along(values: Floats) -> Floats:
        count = values.shape[0]
        centres = 2 * np.arange(count // 2) + 0.5
        taps = np.floor(centres)[:, None].astype(int) + np.arange(-4, 6)
        distance = np.abs(taps - centres[:, None]) / 2
        weights = np.where(
            distance <= 1,
            1.5 * distance**3 - 2.5 * distance**2 + 1,
            np.where(distance <= 2, -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2, 0.0),
        )
        weights /= weights.sum(axis=1, keepdims=True)
        mirrored = np.mod(taps, 2 * count)
        mirrored = np.where(mirrored < count, mirrored, 2 * count - 1 - mirrored)
        halved: Floats = np.einsum("ot,ot...->o...", weights, values[mirrored])
        return halved

    return along(along(luma).T).T


def factory(spec: MetricSpec) -> Metric:
    """Reads ``space`` (``y601`` or ``gray``) and ``crop`` from the spec's options."""
    space, crop = str(spec.options["space"]), int(spec.options.get("crop") or 0)
    # scoring has a thread of its own, and threads import nothing: see Worker.import_needs
    from scipy.ndimage import convolve  # noqa: F401

    _table()
    _pristine()
    return lambda sr, target: niqe(sr, space=space, crop=crop)
