"""LPIPS 0.1 (Zhang et al., CVPR 2018) from the ``lpips`` package, never on a random backbone.

The package would fetch the backbone from the hub, or leave it random with ``pnet_rand=True``. Here the
backbone is read from a checked file and loaded strictly; the value is identical to the package's own.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from refbench.errors import SampleError
from refbench.metrics.backbones import backbone_state
from refbench.metrics.build import Metric, MetricUnavailable
from refbench.metrics.pair import Mask, cropped_mask, cropped_pair
from refbench.metrics.tensors import to_signed_tensor
from refbench.specs import MetricSpec
from refbench.types import Image

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 32
"""Five pooled AlexNet layers need 31 px; one bound for both nets."""


def lpips_network(net: str, backbone: Mapping[str, Tensor]) -> Any:
    """The ``lpips.LPIPS`` module of ``net`` on the given torchvision state dict (``features.N.weight``).

    Raises MetricUnavailable when a layer is missing or has another shape.
    """
    import torch

    try:
        import lpips
    except ImportError as exc:
        raise MetricUnavailable(f"the lpips package cannot be imported: {exc}") from exc
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    state = {}
    for key in model.net.state_dict():
        source = "features." + key.split(".", 1)[1]
        if source not in backbone:
            raise MetricUnavailable(f"the {net} backbone has no tensor {source!r}")
        state[key] = backbone[source]
    try:
        model.net.load_state_dict(state, strict=True)
    except RuntimeError as exc:
        raise MetricUnavailable(
            f"the {net} backbone does not fit: {str(exc).splitlines()[-1].strip()}"
        ) from exc
    return model.eval().requires_grad_(False)


def factory(spec: MetricSpec) -> Metric:
    """Reads ``net`` (``alex`` or ``vgg``), ``crop`` and ``mean`` from the spec's options.

    ``mean=spatial``: the mean of the map at the image's size, where each layer is enlarged bilinearly, in
    place of the mean of each layer's own. A region is a mean of that map, but for ``mean=strips``: of a
    region that surrounds a rectangle, the mean of LPIPS of the strips around it, each as an image of its own.
    """
    import torch

    net, crop = str(spec.options["net"]), int(spec.options.get("crop") or 0)
    model = lpips_network(net, backbone_state(net))
    by_strips = spec.options.get("mean") == "strips"
    model.spatial = not by_strips and (bool(spec.region) or spec.options.get("mean") == "spatial")

    def score(sr: Image, target: Image, mask: Mask | None = None) -> float:
        a, b = cropped_pair(sr, target, crop=crop, smallest=SMALLEST, metric="LPIPS")
        if by_strips:
            if mask is None:
                raise SampleError("mean=strips goes with a region around a rectangle, e.g. region=corner")
            boxes = strips(cropped_mask(mask, crop=crop, metric="LPIPS"))
            with torch.inference_mode():
                found = [
                    float(model(to_signed_tensor(a[box]), to_signed_tensor(b[box])).mean()) for box in boxes
                ]
            return sum(found) / len(found)
        with torch.inference_mode():
            found = model(to_signed_tensor(a), to_signed_tensor(b))
        if mask is None:
            return float(found.mean())
        inner = cropped_mask(mask, crop=crop, metric="LPIPS")
        return float(found[0, 0][torch.from_numpy(np.ascontiguousarray(inner))].mean())

    return score


def strips(mask: Mask) -> list[tuple[slice, slice]]:
    """The strips above and below (full width), left and right of the rectangle that ``mask`` (H, W) leaves
    out, without those that are empty. SampleError for a mask of another form, or a strip too narrow."""
    hole = ~mask
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    if not len(rows) or not hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all():
        raise SampleError("mean=strips: the region does not surround a rectangle")
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    all_four = [
        np.s_[:top, :], np.s_[bottom:, :], np.s_[top:bottom, :left], np.s_[top:bottom, right:]
    ]  # fmt: skip
    kept = [box for box in all_four if mask[box].size]
    for box in kept:
        if min(mask[box].shape) < SMALLEST:
            raise SampleError(
                f"mean=strips: a strip of {mask[box].shape[1]}x{mask[box].shape[0]} is too small"
            )
    return kept
