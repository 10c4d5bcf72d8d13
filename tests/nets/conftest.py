"""Nets with the golden weight rule, and the plain implementations to compare them with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import plain_fusion as fusion
import plain_nets
import pytest
import torch

from refbench.conformance.golden_fill import fill_module
from refbench.methods.c2_matching.config import RELEASED as C2_RELEASED
from refbench.methods.c2_matching.model import C2Model
from refbench.methods.datsr.config import RELEASED as DATSR_RELEASED
from refbench.methods.datsr.model import DatsrModel
from refbench.methods.ttsr.config import RELEASED as TTSR_RELEASED
from refbench.methods.ttsr.model import TtsrModel

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "data" / "golden"


@pytest.fixture(scope="session")
def plain() -> ModuleType:
    """tests/benchmarks/plain_nets.py."""
    return plain_nets


@pytest.fixture(scope="session")
def plain_fusion() -> ModuleType:
    """tests/benchmarks/plain_fusion.py."""
    return fusion


def networks(method: str) -> dict[str, dict[str, list[dict[str, object]]]]:
    """The key lists of a method."""
    found: dict[str, dict[str, list[dict[str, object]]]] = json.loads(
        (GOLDEN / f"{method}.keys.json").read_text()
    )["networks"]
    return found


def filled(model: DatsrModel | C2Model, method: str) -> DatsrModel | C2Model:
    """Encoders and restoration net with the golden weights."""
    keys = networks(method)
    assert fill_module(model.correspondences.extractor, keys["net_extractor"]["state_dict"]) == []
    assert fill_module(model.correspondences.texture, keys["net_map"]["state_dict"]) == []
    assert fill_module(model.restoration, keys["net_g"]["state_dict"]) == []
    return model.eval()


@pytest.fixture(scope="session")
def datsr() -> DatsrModel | C2Model:
    return filled(DatsrModel(DATSR_RELEASED), "datsr")


@pytest.fixture(scope="session")
def c2() -> DatsrModel | C2Model:
    return filled(C2Model(C2_RELEASED), "c2_matching")


@pytest.fixture(scope="session")
def ttsr() -> TtsrModel:
    model = TtsrModel(TTSR_RELEASED)
    entries = networks("ttsr")["TTSR"]["state_dict"]
    fill_module(model, [e for e in entries if not str(e["name"]).startswith("LTE_copy.")])
    return model.eval()


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield
