"""Method files that end, print or change their process: what the run and other methods see of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.main import main

pytestmark = pytest.mark.slow

METHOD = """
import asyncio

import torch
import torch.nn.functional as F
from PIL import Image, ImageFile
from refbench.specs import MethodSpec

{at_import}

class Mute(Exception):
    def __str__(self):
        raise ValueError("no words")


class Method:
    def __init__(self, weights=None, device="cpu"):
        pass

    def __call__(self, inp):
        {in_call}
        return F.interpolate(inp.lr[None], scale_factor=inp.scale)[0]


SPEC = MethodSpec("wild", ":Method", max_refs=0, uses_reference=False)
"""
CHANGES = {
    "hook": "torch.nn.modules.module.register_module_forward_hook(lambda m, i, o: o * 1.001)",
    "resize": "Image.Image.resize = lambda self, size, *a, **k: Image.new(self.mode, size)",
    "f64": "torch.set_default_dtype(torch.float64)",
    "trunc": "ImageFile.LOAD_TRUNCATED_IMAGES = True",
    "print": "print('printed at import')",
}


def written(folder: Path, at_import: str = "", in_call: str = "") -> str:
    path = folder / "wild.py"
    path.write_text(METHOD.format(at_import=at_import, in_call=in_call))
    return f"{path}:SPEC"


def rows(out: Path, method: str) -> list[dict[str, Any]]:
    """Rows of a method without what is measured."""
    found = []
    for manifest in out.glob("*/manifest.json"):
        if json.loads(manifest.read_text())["method"] == method:
            found += [
                json.loads(line) for line in (manifest.parent / "samples.jsonl").read_text().splitlines()
            ]
    kept = ("sample_id", "draw", "status", "error_kind", "error", "metrics", "sr_sha256", "ref_sha256")
    return [{name: row[name] for name in kept} for row in found]


@pytest.mark.parametrize("in_call", ["raise asyncio.CancelledError", "raise Mute", "raise GeneratorExit"])
def test_baseexception_ends_run(in_call: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"method={written(tmp_path, in_call=in_call)}", "limit=2", "tracking=none", f"out={tmp_path}/o"]
    assert main(["run", *words, "threads=1", "images=none"]) == 1
    assert [row["status"] for row in rows(tmp_path / "o", "wild")] == ["error", "error"]
    assert [row["status"] for row in rows(tmp_path / "o", "bicubic")] == ["ok", "ok"]
    shown = capsys.readouterr()
    assert "4 images computed, 0 reused, 2 errors" in shown.out
    assert "Traceback (most recent call last)" not in shown.out + shown.err


def test_state_leaks_between_methods(tmp_path: Path) -> None:
    """Bundled methods after one that changes its process have the rows that they have alone."""
    words = ["limit=1", "tracking=none", "threads=1", "images=none"]
    assert main(["run", "method=ttsr", *words, f"out={tmp_path}/alone"]) == 0
    alone = {name: rows(tmp_path / "alone", name) for name in ("ttsr", "bicubic")}
    wild = written(tmp_path, at_import="\n".join(CHANGES.values()))
    assert main(["run", "-m", f"method={wild},ttsr", *words, f"out={tmp_path}/after"]) == 0
    for name, expected in alone.items():
        assert rows(tmp_path / "after", name) == expected


@pytest.mark.parametrize("executor", ["serial", "local"])
def test_local_print_breaks_json(executor: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    at_import = 'import subprocess, os\nprint("p"); os.write(1, b"c"); subprocess.run(["echo", "child"])'
    words = [f"method={written(tmp_path, at_import, 'print(1)')}", "limit=1", "tracking=none", "threads=1"]
    more = ["executor.workers=1"] if executor == "local" else []
    assert main(["run", *words, f"executor={executor}", *more, f"out={tmp_path}/o", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["errors"] == 0


def test_gate_infinite_to_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SR that equals a blank HR has an infinite PSNR; a grey one 7.38 dB."""
    from PIL import Image as PilImage

    for folder in ("hr", "ref", "perfect", "grey"):
        (tmp_path / folder).mkdir()
    for i in range(2):
        page = PilImage.new("RGB", (48, 48), (255, 255, 255))
        scene = PilImage.radial_gradient("L").resize((48, 48)).convert("RGB")
        hr = scene if i else page
        hr.save(tmp_path / f"hr/{i}.png")
        scene.save(tmp_path / f"ref/{i}.png")
        (scene.point(lambda v: v // 2) if i else hr).save(tmp_path / f"perfect/{i}.png")
        (scene.point(lambda v: v // 2) if i else PilImage.new("RGB", (48, 48), (128,) * 3)).save(
            tmp_path / f"grey/{i}.png"
        )
    data = ["suite=pairs", f"data.input={tmp_path}/hr", f"data.ref={tmp_path}/ref", "tracking=none"]
    for sr in ("perfect", "grey"):
        words = ["method=folder", f"method.dir={tmp_path}/{sr}", "method.name=mine", "against=none"]
        assert main(["run", *words, *data, f"out={tmp_path}/run-{sr}", "metrics=[psnr_y]"]) == 0
        assert main(["check", f"baseline={tmp_path}/{sr}.json", f"run={tmp_path}/run-{sr}", "--update"]) == 0
    capsys.readouterr()
    assert main(["check", f"baseline={tmp_path}/perfect.json", f"run={tmp_path}/run-grey"]) == 1
    assert "1 image lost more than 0.1: 0 inf -> " in capsys.readouterr().out
    assert main(["check", f"baseline={tmp_path}/grey.json", f"run={tmp_path}/run-perfect"]) == 0
    shown = capsys.readouterr().out
    assert "psnr_y: improved" in shown
    assert "verdict: improved" in shown
