"""A whole model in one safetensors file: saved, loaded, and refused where it does not belong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from refbench.errors import UserError
from refbench.methods.ttsr.config import TtsrConfig
from refbench.methods.ttsr.model import TtsrModel
from refbench.weights.save import save_model
from refbench.weights.whole import build_from_checkpoint

TINY = TtsrConfig(n_feats=4, blocks=(1, 1, 1, 1), lte_channels=(2, 4, 6))


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(tmp_path: Path, half: bool) -> None:
    model, path = TtsrModel(TINY), tmp_path / "tiny.safetensors"
    save_model(model, TINY, "ttsr", path, half=half, notes={"licence": "CC0"})
    loaded = build_from_checkpoint(path, "ttsr", TtsrConfig, TtsrModel)
    assert loaded.config == TINY
    assert not loaded.training
    for name, value in model.state_dict().items():
        found = loaded.state_dict()[name]
        assert found.dtype == value.dtype
        assert torch.allclose(found, value, atol=2e-3 if half else 0.0)
    assert not path.with_name(path.name + ".part").exists()


def test_another_methods_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_model(TtsrModel(TINY), TINY, "ttsr", path)
    with pytest.raises(UserError, match="is a checkpoint of ttsr, not of datsr; use method=ttsr"):
        build_from_checkpoint(path, "datsr", TtsrConfig, TtsrModel)


def test_a_file_without_config_is_refused(tmp_path: Path) -> None:
    save_file({"w": torch.ones(1)}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="carries no config"):
        build_from_checkpoint(tmp_path / "a.safetensors", "ttsr", TtsrConfig, TtsrModel)
