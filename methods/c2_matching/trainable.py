"""C2-Matching as training sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from refbench.nets.vgg import LEVELS
from refbench.training.configuration import choose
from refbench.training.initialise import normal_start, soften
from refbench.training.trainable import Trainable, upsample
from refbench.weights.net_config import config_to_json

from .config import COMPACT, RELEASED
from .model import C2Model


def build(weights: str, changes: Mapping[str, Any]) -> Trainable:
    """``weights``: compact or official; ``changes``: fields of C2Config."""
    config = choose({"compact": COMPACT, "official": RELEASED}, weights, changes)
    model = C2Model(config)
    if weights == "compact":
        soften(model, model.restoration.dyn_agg_restore.tail_large)
    else:
        normal_start(model.restoration)
    extractor = model.correspondences.extractor
    if not config.shared_extractor:
        # as the official ones do from one ImageNet VGG16: matching then starts from comparable features
        extractor.join_trunks()

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
        join_trunks=None if config.shared_extractor else extractor.join_trunks,
    )
