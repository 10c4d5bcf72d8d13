"""The ablation: its variants are real configurations, the encoder is shared, and the table adds up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ablation
import pytest
from ablation import AblationRow, ablate, plan, table
from safetensors import safe_open
from safetensors.torch import save_file

from refbench.datasets.photos.split import refuse_held_out
from refbench.errors import UserError
from refbench.training.fields import merged
from refbench.training.recipe import load_recipe
from refbench.training.run import train
from refbench.training.trainable import build_trainable


def test_every_variant_is_a_net_that_can_be_built() -> None:
    chosen = plan("datsr")
    for change in chosen["variants"].values():
        values = merged(merged(chosen["common"], change.get("train") or {}), {"data": "x"})
        recipe = load_recipe({"method": "datsr", "preset": "compact", "train": values})
        assert recipe.steps == chosen["common"]["budget"]
        build_trainable("datsr", recipe.weights, {**recipe.net, **recipe.export_net})


def test_ablation_shares_the_encoder_and_reports_each_seed(
    tiny_config: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {
        "method": "datsr",
        "seeds": [0],
        "common": {},
        "variants": {"base": {}, "no offsets": {"train": {"net": {"learned_offsets": False}}}},
    }
    monkeypatch.setattr(ablation, "plan", lambda name: small)
    lines: list[str] = []
    rows = ablate({"out": str(tmp_path / "ablation"), "train": tiny_config["train"]}, lines.append)
    assert [row.variant for row in rows] == ["base", "no offsets"]
    assert any(line.startswith("base, seed 0: stage1-student") for line in lines)
    assert not any(line.startswith("no offsets, seed 0: stage1") for line in lines)

    # the base's file, written again with its metadata in another order, is still the same encoder
    base = next((tmp_path / "ablation" / "base").glob("*/compact.safetensors"))
    with safe_open(base, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        meta = {**opened.metadata(), "note": "other bytes"}
    save_file(tensors, base, meta)
    again: list[str] = []
    repeated = ablate({"out": str(tmp_path / "ablation"), "train": tiny_config["train"]}, again.append)
    assert [row.gains for row in repeated] == [row.gains for row in rows]
    assert not [line for line in again if "step" in line and "resuming after step" not in line]


def test_table_shows_mean_spread_and_gap() -> None:
    row = AblationRow("x", {"good": (1.0, 2.0), "unrelated": (0.5, 0.5), "none": (0.0, 0.2)}, 3.0)
    assert "| x | +1.50 ± 0.50 | +0.50 ± 0.00 | +0.10 ± 0.10 | +1.00 | 3.0 |" in table([row])


def test_encoder_of_another_net_is_refused(tiny_config: Mapping[str, Any], tmp_path: Path) -> None:
    absent = merged(tiny_config, {"train": {"encoder": str(tmp_path / "none")}})
    with pytest.raises(UserError, match=r"train\.encoder: no file"):
        train(absent, print, refuse_held_out)
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"does not hold this net's encoder"):
        train(merged(absent, {"train": {"encoder": str(tmp_path / "junk")}}), print, refuse_held_out)
