"""Two programs behind one method name are two methods: in keys, labels and tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.errors import UserError
from refbench.isolation.labels import given_label, safe_label
from refbench.methods.bicubic.method import Bicubic
from refbench.methods.command.method import Command
from refbench.methods.external.method import External
from refbench.methods.folder.method import Folder
from refbench.plan.method_hooks import method_label

NET = """
class Net:
    def __init__(self, gain=1.0, token=None):
        self.gain = gain
    def __call__(self, inp):
        return inp.lr.repeat(inp.scale, 1).repeat(inp.scale, 2) * self.gain
class Other(Net):
    pass
"""


@pytest.mark.parametrize(("method", "params", "label"), [
    (External, {"target": "pkg.models:Net"}, "pkg.models.Net"),
    (External, {"target": "pkg.models:Net", "name": "my net"}, "my net"),
    (Command, {"cmd": "python 'my dir/test it.py' {lr} {out}"}, "test-it"),
    (Command, {"cmd": "/opt/tools/enlarge --in {lr} --out {out}"}, "enlarge"),
    (Command, {"cmd": "x {lr} {out}", "name": "X-2.0"}, "X-2.0"),
    (Folder, {"dir": "anywhere"}, ""),
    (Folder, {"dir": "anywhere", "name": "theirs"}, "theirs"),
    (Bicubic, {}, ""),
])  # fmt: skip
def test_labels(method: Any, params: dict[str, object], label: str) -> None:
    assert method_label(method, params) == label


@pytest.mark.parametrize("name", ["", " a", "a" * 41, "a|b", "a\nb", "=1", "<b>", "\x1b[2J", "../x"])
def test_a_name_that_no_table_can_show_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"method\.name=.*give up to 40 letters"):
        given_label({"name": name})


@pytest.mark.parametrize("text", ["../../x", "a b", "ä" * 50, "$(rm)", "", "...", "-x"])
def test_a_derived_label_is_safe(text: str) -> None:
    label = safe_label(text)
    assert given_label({"name": label}) == label


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for name in ("input", "ref"):
        (tmp_path / "data" / name).mkdir(parents=True)
        PILImage.fromarray(pixels).save(tmp_path / "data" / name / "a.png")
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


def test_two_external_methods_stand_apart_in_one_report(
    pair: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [
        "run", "method=external", f"method.python={sys.executable}", "suite=pairs", "tracking=none", "--json",
        f"data.root={pair / 'data'}", f"out={pair / 'results'}", "images=none", "against=none",
    ]  # fmt: skip
    keys = []
    for own in (
        [f"method.target={pair / 'net.py'}:Net"],
        [f"method.target={pair / 'net.py'}:Other", 'method.args={"gain": 0.5, "token": "hunter2"}'],
        [f"method.target={pair / 'net.py'}:Other", 'method.args={"gain": 0.5}', "method.name=renamed"],
    ):
        assert main([*common, *own]) == 0
        [cell] = json.loads(capsys.readouterr().out)["cells"]
        keys.append(cell["run_key"])
        assert cell["method"] == "external"
    assert len(set(keys)) == 3
    assert main(["report", f"out={pair / 'results'}", "format=md"]) == 0
    text = capsys.readouterr().out
    for label in ("external (net.Net)", "external (net.Other)", "external (renamed)"):
        assert label in text
    kept = "".join(p.read_text() for p in (pair / "results").rglob("*") if p.is_file())
    assert "hunter2" not in kept
