"""DISTS (Ding et al., TPAMI 2020): structure and texture similarity of VGG16 features, in [0, 1] in practice.

Eqs. (5) to (8) of the paper with its published channel weights. As in pyiqa and the SR literature the images
are not resized (the authors' script makes the shorter side 256 pixels).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from refbench.metrics.backbones import backbone_state
from refbench.metrics.build import Metric, MetricUnavailable
from refbench.metrics.data_files import arrays
from refbench.metrics.pair import cropped_pair
from refbench.metrics.tensors import to_tensor
from refbench.specs import MetricSpec
from refbench.types import Image

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 32
STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""torchvision's numbers of the convolutions of VGG16's five stages; Hanning pooling stands between them."""
CHANNELS = (3, 64, 128, 256, 512, 512)
TINY = 1e-6


def features(image: Tensor, backbone: Mapping[str, Tensor]) -> list[Tensor]:
    """The image (1, 3, H, W) in [0, 1] and the last ReLU of each stage, (1, C, H / 2^k, W / 2^k)."""
    import torch
    from torch.nn import functional

    mean = image.new_tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    std = image.new_tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)
    found, x = [image], (image - mean) / std
    hanning = torch.outer(*(torch.tensor(np.hanning(5)[1:-1], dtype=torch.float32),) * 2)
    hanning = (hanning / hanning.sum()).to(image)
    for number, layers in enumerate(STAGES):
        if number:
            kernel = hanning.expand(x.shape[1], 1, 3, 3)
            x = (functional.conv2d(x**2, kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()
        for layer in layers:
            weight, bias = (backbone[f"features.{layer}.{part}"] for part in ("weight", "bias"))
            x = functional.relu(functional.conv2d(x, weight, bias, padding=1))
        found.append(x)
    return found


def distance(a: list[Tensor], b: list[Tensor], alpha: Tensor, beta: Tensor) -> float:
    """1 - (texture and structure similarity weighted by alpha and beta), features as of :func:`features`."""
    total = alpha.sum() + beta.sum()
    likeness = alpha.new_zeros(())
    place = 0
    for x, y in zip(a, b, strict=True):
        count = x.shape[1]
        own_alpha, own_beta = alpha[place : place + count] / total, beta[place : place + count] / total
        place += count
        mean_x, mean_y = x.mean((2, 3))[0], y.mean((2, 3))[0]
        texture = (2 * mean_x * mean_y + TINY) / (mean_x**2 + mean_y**2 + TINY)
        variances = x.var((2, 3), correction=0)[0] + y.var((2, 3), correction=0)[0]
        covariance = (x * y).mean((2, 3))[0] - mean_x * mean_y
        structure = (2 * covariance + TINY) / (variances + TINY)
        likeness = likeness + (own_alpha * texture).sum() + (own_beta * structure).sum()
    return float(1 - likeness)


def factory(spec: MetricSpec) -> Metric:
    """Reads ``crop`` from the spec's options. Raises MetricUnavailable without the VGG16 backbone."""
    import torch

    backbone: Mapping[str, Any] = backbone_state("vgg")
    lacking = [n for s in STAGES for n in s if f"features.{n}.weight" not in backbone]
    if lacking:
        raise MetricUnavailable(f"the vgg backbone has no tensor 'features.{lacking[0]}.weight'")
    alpha, beta = (torch.from_numpy(arrays("dists")[name]) for name in ("alpha", "beta"))
    crop = int(spec.options.get("crop") or 0)

    def score(sr: Image, target: Image) -> float:
        a, b = cropped_pair(sr, target, crop=crop, smallest=SMALLEST, metric="DISTS")
        with torch.inference_mode():
            return distance(features(to_tensor(a), backbone), features(to_tensor(b), backbone), alpha, beta)

    return score
