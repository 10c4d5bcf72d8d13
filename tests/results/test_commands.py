"""The command lines under a table: few, and each asks for its rows again."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbench.cli.main import main
from refbench.results.cells import load_cells
from refbench.results.provenance import commands


def test_methods_with_the_same_settings_are_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["suite=cufed5,cufed5_jitter", "limit=1", "tracking=none", f"out={tmp_path / 'r'}", "device=cpu"]
    copy = tmp_path / "mine.py"
    copy.write_text(
        "from refbench.specs import MethodSpec\n"
        "SPEC = MethodSpec('mine', ':Mine', uses_reference=False)\n"
        "class Mine:\n"
        "    def __init__(self, weights, device):\n        pass\n"
        "    def __call__(self, inp):\n"
        "        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)\n"
    )
    assert main(["run", f"method=bicubic,{copy}:SPEC", "against=none", *words]) == 0
    said = [line for line in commands(load_cells([tmp_path / "r"]).cells) if "bicubic" in line]
    (one,) = said
    assert "suite=cufed5,cufed5_jitter" in one
    capsys.readouterr()
    assert main(one.split()[1:]) == 0
    assert "0 images computed" in capsys.readouterr().out
