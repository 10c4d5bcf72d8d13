"""Net configurations travel as JSON; wrong ones are refused in one line."""

from __future__ import annotations

import dataclasses

import pytest

from refbench.errors import UserError
from refbench.methods.c2_matching.config import C2Config
from refbench.methods.datsr.config import PAPER, RELEASED, DatsrConfig
from refbench.methods.ttsr.config import TtsrConfig
from refbench.weights.net_config import config_from_json, config_to_json


@pytest.mark.parametrize("config", [RELEASED, PAPER, C2Config(ngf=24), TtsrConfig(n_feats=16)])
def test_round_trip(config: object) -> None:
    assert config_from_json(type(config), config_to_json(config), "x") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "m.safetensors: its config is not JSON"),
        ('{"ngf": 3}', "config field 'ngf' is unknown to DatsrConfig"),
        ("[1]", "config field 'list' is unknown"),
        ('{"groups": 7}', "must be multiples of groups=7"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        config_from_json(DatsrConfig, text, "m.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("aggregation", "multiple"),
    [
        (("swin", "swin", "swin"), 8),
        (("residual", "residual", "swin"), 8),
        (("residual", "swin", "residual"), 4),
        (("swin", "residual", "residual"), 2),
        (("residual", "residual", "residual"), 1),
    ],
)
def test_the_coarsest_windows_decide_what_sizes_the_net_takes(
    aggregation: tuple[str, str, str], multiple: int
) -> None:
    assert dataclasses.replace(RELEASED, aggregation=aggregation).multiple == multiple
