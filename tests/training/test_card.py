"""The model card's generated part says what is in the files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from model_card import card, photo_table

from refbench.datasets.photos.split import refuse_held_out
from refbench.errors import UserError
from refbench.training.facts import read_facts
from refbench.training.run import train


def _silent(line: str) -> None:
    """No output."""


def test_facts_are_those_of_the_run(tiny_config: Mapping[str, Any]) -> None:
    facts = read_facts(train(tiny_config, _silent, refuse_held_out))
    assert facts.method == "datsr"
    assert facts.steps == 4
    assert facts.photos == ("p1.png", "p2.png", "p3.png", "p4.png")
    assert facts.curve["stage2"][-1]["step"] == 4
    assert facts.parameters > 1000


def test_every_photo_of_a_bundled_file_has_a_licence() -> None:
    table = photo_table(["aitzgorri.png", "retina.png"])
    assert "| aitzgorri | CC-BY-4.0 | Aitzol Berasategi |" in table
    with pytest.raises(
        UserError, match=r"'mine.png' is not in the photo manifest, so its licence is unknown"
    ):
        photo_table(["mine.png"])


def test_bundled_weights_are_small_and_were_trained_alike() -> None:
    import refbench.methods

    root = Path(refbench.methods.__path__[0])
    files = sorted(root.glob("*/compact.safetensors"))
    names = ["c2_matching", "datsr", "edvr_ref", "mrefsr", "ttsr"]
    assert [f.parent.name for f in files] == names
    assert sum(f.stat().st_size for f in files) < 8_000_000
    found = [read_facts(f) for f in files]
    assert [f.method for f in found] == names
    assert len({(f.photos, f.recipe["stage2"]["batch"]) for f in found}) == 1
    assert "| Aitzol Berasategi |" in card(files)


def test_a_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is not a safetensors checkpoint"):
        read_facts(tmp_path / "x.safetensors")
