"""EDVR as ``method.weights=random`` sees it: the published sizes with a start of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from refbench.errors import UserError
from refbench.training.configuration import choose
from refbench.training.initialise import soften
from refbench.training.trainable import Trainable
from refbench.weights.net_config import config_to_json

from .config import L_REDS, L_VIMEO, M
from .net import EdvrNet

SIZES = {"official": M, "m": M, "l": L_REDS, "l_vimeo": L_VIMEO}


def build(weights: str, changes: Mapping[str, Any]) -> Trainable:
    """``weights``: official or m, l, l_vimeo; ``changes``: fields of EdvrConfig.

    EDVR is trained on video, which refbench has none of: ``restore`` refuses.
    """
    config = choose(SIZES, weights, changes)
    model = EdvrNet(config)
    soften(model, nn.Sequential(model.conv_last))

    def restore(lr: Tensor, ref: Tensor) -> Tensor:
        raise UserError("train: edvr is trained on video; train edvr_ref, which takes references at HR")

    return Trainable(model, None, None, None, restore, config_to_json(config))
