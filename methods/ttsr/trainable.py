"""TTSR as training sees it: images in [-1, 1] inside, the key from the blurred reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from refbench.training.configuration import choose
from refbench.training.initialise import soften
from refbench.training.trainable import Features, Trainable, upsample
from refbench.weights.net_config import config_to_json

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

    transferred: list[Tensor] = []

    def restore(lr: Tensor, ref: Tensor) -> Tensor:
        reference = model.encode(ref * 2 - 1, blurred(ref) * 2 - 1)
        index, relevance = model.search(upsample(lr) * 2 - 1, reference)
        transferred[:] = model.textures(reference, index)
        out: Tensor = model.MainNet(lr * 2 - 1, relevance, transferred)
        return (out + 1) / 2

    def transferal(sr: Tensor) -> Tensor:
        """Mean square between the extractor's features of SR and the transferred ones, over three levels.

        The extractor judges, so its weights get no gradient here (``LTE_copy`` in the official code).
        """
        judge = {name: value.detach() for name, value in model.LTE.state_dict().items()}
        features: Features = functional_call(model.LTE, judge, (sr,))
        terms = [F.mse_loss(f, t.detach()) for f, t in zip(features, transferred, strict=True)]
        return torch.stack(terms).sum()

    def query(image: Tensor) -> Features:
        features: Features = model.LTE(image)
        return features

    def key(image: Tensor) -> Features:
        features: Features = model.LTE(blurred(image))
        return features

    return Trainable(model, model.LTE, query, key, restore, config_to_json(config), transferal)
