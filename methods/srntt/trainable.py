"""SRNTT as training sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from refbench.nets.vgg import LEVELS
from refbench.training.configuration import choose
from refbench.training.initialise import soften
from refbench.training.trainable import Trainable, upsample
from refbench.weights.net_config import config_to_json

from .config import PORT
from .model import SrnttModel


def build(weights: str, changes: Mapping[str, Any]) -> Trainable:
    """``weights``: official (the port's sizes); ``changes``: fields of SrnttConfig.

    The texture features are the encoder: they are what is matched.
    """
    config = choose({"official": PORT}, weights, changes)
    model = SrnttModel(config)
    soften(model, model.restoration.texture_transfer.tail_large)
    trunk = model.texture.vgg

    def restore(lr: Tensor, ref: Tensor) -> Tensor:
        small = F.interpolate(ref, scale_factor=0.25, mode="bicubic", antialias=True)
        out: Tensor = model(lr, upsample(lr), ref, upsample(small))
        return out

    return Trainable(
        model,
        model.texture,
        lambda image: trunk.levels(image, LEVELS),
        lambda image: trunk.levels(image, LEVELS),
        restore,
        config_to_json(config),
    )
