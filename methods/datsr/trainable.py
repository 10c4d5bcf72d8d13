"""DATSR as training sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from refbench.nets.vgg import LEVELS
from refbench.training.configuration import choose
from refbench.training.initialise import normal_start, soften
from refbench.training.trainable import Trainable, upsample
from refbench.weights.net_config import config_to_json

from .config import COMPACT, PAPER, RELEASED
from .model import DatsrModel


def build(weights: str, changes: Mapping[str, Any]) -> Trainable:
    """``weights``: compact, official or paper; ``changes``: fields of DatsrConfig."""
    config = choose({"compact": COMPACT, "official": RELEASED, "paper": PAPER}, weights, changes)
    model = DatsrModel(config)
    if weights == "compact":
        soften(model, model.restoration.dyn_agg_restore.up_tail_large)
    else:
        normal_start(model.restoration)
    extractor = model.correspondences.extractor

    def restore(lr: Tensor, ref: Tensor) -> Tensor:
        out: Tensor = model(lr, upsample(lr), ref)
        return out

    return Trainable(
        model,
        extractor,
        lambda image: extractor.query(image, LEVELS),
        lambda image: extractor.key(image, LEVELS),
        restore,
        config_to_json(config),
    )
