"""edvr_ref as training sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from refbench.training.configuration import choose
from refbench.training.initialise import even_start, soften
from refbench.training.trainable import Trainable, each_reference
from refbench.weights.net_config import config_to_json

from .config import COMPACT, LARGER
from .net import EdvrRefNet

MOST = 5
"""References of one training sample."""


def build(weights: str, changes: Mapping[str, Any]) -> Trainable:
    """``weights``: compact or official (the sizes of EDVR M; nothing is published); ``changes``: fields of
    EdvrRefConfig. The net matches nothing: it has no stage 1. Offsets and masks start at zero."""
    config = choose({"compact": COMPACT, "official": LARGER}, weights, changes)
    model = EdvrRefNet(config)
    even_start(model)
    soften(model, nn.Sequential(model.conv_last))

    def restore(lr: Tensor, ref: Tensor) -> Tensor:
        out: Tensor = model(lr, each_reference(ref))
        return out

    return Trainable(model, None, None, None, restore, config_to_json(config), most_references=MOST)
