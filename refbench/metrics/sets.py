"""Metrics of image sets: FID and KID of all SR images of a cell against all of its targets.

The clean-fid protocol (Parmar et al., CVPR 2022): each image is resized to 299 x 299 by PIL's antialiased
bicubic in floating point, unrounded, and goes through the Inception network of the original FID. With
``patch=P`` every P x P tile of an image, without overlap, is an item of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from refbench.errors import SampleError
from refbench.extras import install_command
from refbench.metrics.backbones import INCEPTION, verified_backbone
from refbench.metrics.build import MetricUnavailable
from refbench.metrics.pair import cropped
from refbench.specs import MetricSpec
from refbench.types import Image

Floats = npt.NDArray[np.float64]
Extractor = Callable[[Sequence[Image]], Floats]
"""Images of any sizes -> features (items, d)."""
SIDE = 299
LEAST_FID = 100
"""FID of fewer items says more about their number than about the images (its bias falls as 1/n)."""
LEAST_KID = 2
FEATURES = 2048
"""Of the FID network: below as many items the covariances are singular, and FID is biased upwards."""
REPLICATES = 2000


def set_caution(spec: MetricSpec) -> str:
    """The note on a stored value whose signature has its ``n``; empty: nothing."""
    name, _, rest = spec.signature.partition("|")
    fields = dict(field.partition("=")[::2] for field in rest.split("|"))
    items = fields.get("n", "")
    if name != "fid" or not items.isdigit() or int(items) >= FEATURES:
        return ""
    return (
        f"of {items} items, fewer than the network's {FEATURES} features: biased upwards, to be compared at "
        "equal n only and with no published value of another n"
    )


@dataclass(frozen=True)
class SetValue:
    """A metric of a set."""

    value: float
    lo: float | None
    hi: float | None
    items: int
    """Images, or patches, of each of the two sets."""


class SetMetric:
    """FID or KID; features are made image by image, so that no set needs to be in memory."""

    def __init__(self, score: str, patch: int, crop: int, extract: Extractor) -> None:
        self._score, self._patch, self._crop = score, patch, crop
        self._extract = extract

    def features(self, image: Image) -> Floats:
        """(items, d) of one image. Raises SampleError when no item fits into it."""
        inner = cropped(image, crop=self._crop, smallest=max(self._patch, 1), metric=self._score.upper())
        return self._extract(tiles(inner, self._patch) if self._patch else [inner])

    def value(self, made: Sequence[Floats], real: Sequence[Floats]) -> SetValue:
        """The metric of the features of each SR image and those of each target, in the same order.

        Raises SampleError below the least number of items.
        """
        items = sum(len(f) for f in made)
        what = f"{self._patch}x{self._patch} patches" if self._patch else "images"
        least = LEAST_FID if self._score == "fid" else LEAST_KID
        if items < least:
            more = "; score patches: fid:patch=64" if self._score == "fid" and not self._patch else ""
            raise SampleError(f"{self._score.upper()} needs at least {least} {what}, here are {items}{more}")
        if self._score == "fid":
            return SetValue(frechet(np.concatenate(made), np.concatenate(real)), None, None, items)
        return kernel_distance(made, real)


def tiles(image: Image, side: int) -> list[Image]:
    """Every ``side`` x ``side`` part of the image from its top left, without overlap."""
    height, width = image.shape[:2]
    return [
        image[y : y + side, x : x + side]
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
    ]


def frechet(a: Floats, b: Floats) -> float:
    """Squared Frechet distance of the Gaussians with the means and covariances of ``a`` (n, d), ``b`` (m, d).

    |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)) with unbiased covariances (Heusel et al. 2017, eq. (6)).
    The trace of the root is the sum of the singular values of A^(1/2) B^(1/2), taken from factors of the
    centred features: exact for singular covariances, without the term that other codes add to diagonals.
    """
    difference = a.mean(axis=0) - b.mean(axis=0)
    left, right = _factor(a), _factor(b)
    root = np.linalg.svd(left @ right.T, compute_uv=False).sum()
    return float(difference @ difference + np.sum(left**2) + np.sum(right**2) - 2 * root)


def _factor(features: Floats) -> Floats:
    """F with F' F = covariance of ``features`` (n, d); at most d rows."""
    centred: Floats = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    factor: Floats = np.array(np.linalg.qr(centred, mode="r"), dtype=np.float64)
    return factor


def kernel_distance(made: Sequence[Floats], real: Sequence[Floats]) -> SetValue:
    """KID (Binkowski et al. 2018): unbiased squared MMD with the kernel (x.y / d + 1)^3 over all items.

    The 95 % interval is a percentile bootstrap over images: an image is drawn together with its target and
    with all of its patches. Pairs of copies of one item are left out of every replicate.
    """
    x, y, cross = _gram(made, made), _gram(real, real), _gram(made, real)
    within_x = np.array([_kernel(f, f).trace() for f in made])
    within_y = np.array([_kernel(f, f).trace() for f in real])
    counts = np.array([[len(f) for f in made], [len(f) for f in real]], dtype=np.float64)
    weights = np.ones((1, len(made)))
    estimate = _mmd(weights, x, y, cross, (within_x, within_y), counts)[0]
    items = int(counts[0].sum())
    if len(made) < 2:
        return SetValue(float(estimate), None, None, items)
    drawn = np.random.default_rng(0).multinomial(len(made), np.full(len(made), 1 / len(made)), REPLICATES)
    drawn = drawn[(drawn > 0).sum(axis=1) > 1].astype(np.float64)
    replicates = _mmd(drawn, x, y, cross, (within_x, within_y), counts)
    lo, hi = np.percentile(replicates, [2.5, 97.5])
    return SetValue(float(estimate), float(lo), float(hi), items)


def _mmd(
    weights: Floats, x: Floats, y: Floats, cross: Floats, own: tuple[Floats, Floats], counts: Floats
) -> Floats:
    """The estimate for each row of image weights (R, n); Grams are sums over the items of two images."""

    def pairs(sums: Floats, sizes: Floats, other: Floats, diagonal: Floats, diagonal_size: Floats) -> Floats:
        # between different images w_i w_j, within one w_i: copies of an image are not pairs
        off, off_size = sums - np.diag(np.diag(sums)), np.outer(sizes, other)
        off_size = off_size - np.diag(np.diag(off_size))
        total = np.einsum("ri,ij,rj->r", weights, off, weights, optimize=True) + weights @ diagonal
        size = np.einsum("ri,ij,rj->r", weights, off_size, weights, optimize=True) + weights @ diagonal_size
        mean: Floats = total / size
        return mean

    n, m = counts
    xx = pairs(x, n, n, np.diag(x) - own[0], n * (n - 1))
    yy = pairs(y, m, m, np.diag(y) - own[1], m * (m - 1))
    return xx + yy - 2 * pairs(cross, n, m, np.diag(cross), n * m)


def _kernel(a: Floats, b: Floats) -> Floats:
    value: Floats = (a @ b.T / a.shape[1] + 1) ** 3
    return value


def _gram(a: Sequence[Floats], b: Sequence[Floats]) -> Floats:
    """(n, m) sums of the kernel over the items of image i and image j."""
    whole = _kernel(np.concatenate(a), np.concatenate(b))
    rows = np.cumsum([0, *(len(f) for f in a[:-1])])
    columns = np.cumsum([0, *(len(f) for f in b[:-1])])
    return np.asarray(np.add.reduceat(np.add.reduceat(whole, rows, axis=0), columns, axis=1))


def resized(image: Image) -> npt.NDArray[np.float32]:
    """(3, 299, 299) in 0..255 as clean-fid makes it: PIL bicubic per channel on float32, clipped."""
    from PIL import Image as PilImage

    planes = [PilImage.fromarray(image[:, :, c].astype(np.float32)) for c in range(3)]
    found = [np.asarray(p.resize((SIDE, SIDE), PilImage.Resampling.BICUBIC)).clip(0, 255) for p in planes]
    return np.stack(found).astype(np.float32)


@lru_cache(maxsize=1)
def inception() -> Extractor:
    """Features (n, 2048) of the FID Inception network on the CPU.

    Raises MetricUnavailable without the package pytorch-fid, or without its verified weights.
    """
    if find_spec("pytorch_fid") is None:
        raise MetricUnavailable(f"pytorch-fid is not installed: {install_command('fid')}")
    verified_backbone(INCEPTION)
    import torch
    from pytorch_fid.inception import InceptionV3

    with torch.random.fork_rng(devices=[]):
        net: Any = InceptionV3([3], resize_input=False, normalize_input=False)
    net.eval()

    def extract(images: Sequence[Image]) -> Floats:
        found = []
        with torch.inference_mode():
            for image in images:
                pixels = torch.from_numpy(resized(image))[None]
                found.append(net((pixels - 128) / 128)[0].reshape(-1).double().numpy())
        return np.stack(found)

    return extract


def factory(spec: MetricSpec) -> SetMetric:
    """Reads ``score``, ``patch`` and ``crop`` from the spec's options. Raises MetricUnavailable."""
    options = spec.options
    patch, crop = int(options.get("patch") or 0), int(options.get("crop") or 0)
    return SetMetric(str(options["score"]), patch, crop, inception())
