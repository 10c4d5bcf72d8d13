"""TTSR as training sees it: images in [-1, 1] inside, the key from the blurred reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from refbench.nets.config import config_to_json
from refbench.training.configuration import choose
from refbench.training.initialise import soften
from refbench.training.trainable import Features, Trainable, upsample

from .config import COMPACT, RELEASED
from .model import TtsrModel


def blurred(reference: Tensor) -> Tensor:
    """The reference (B, 3, H, W in [0, 1]) reduced by 4 and enlarged again, as its key is made."""
    small = F.interpolate(reference, scale_factor=0.25, mode="bicubic", align_corners=False, antialias=True)
    return upsample(small.clamp(0, 1))


def build(weights: str, changes: Mapping[str, Any]) -> Trainable:
    """``weights``: compact or official; ``changes``: fields of TtsrConfig."""
    config = choose({"compact": COMPACT, "official": RELEASED}, weights, changes)
    model = TtsrModel(config)
    if weights == "compact":
        soften(model, model.MainNet.merge_tail.conv_tail2)

    def restore(lr: Tensor, ref: Tensor) -> Tensor:
        out: Tensor = model(lr * 2 - 1, upsample(lr) * 2 - 1, ref * 2 - 1, blurred(ref) * 2 - 1)
        return (out + 1) / 2

    def query(image: Tensor) -> Features:
        features: Features = model.LTE(image)
        return features

    def key(image: Tensor) -> Features:
        features: Features = model.LTE(blurred(image))
        return features

    return Trainable(model, model.LTE, query, key, restore, config_to_json(config))
