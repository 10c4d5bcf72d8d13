"""method=folder and method=file.py:SPEC through a whole run, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.cli.main import main
from refbench.identity.code_digest import code_digest
from refbench.registry import spec_in_file

PLUGIN = """
from refbench.specs import MethodSpec

class Nearest:
    def __init__(self, weights, device): pass
    def __call__(self, inp):
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)

SPEC = MethodSpec("nearest", ":Nearest", min_refs=0, max_refs=0, uses_reference=False)
"""


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(image).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pairs of 50x61 images (HR crop 48x60), with references of other names."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        save(tmp_path / "photos" / "input" / f"{name}.png", rng.integers(0, 256, (50, 61, 3), dtype=np.uint8))
        save(
            tmp_path / "photos" / "ref" / f"{name}_ref.png", rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        )
    return tmp_path / "photos"


def run(photos: Path, *words: str) -> list[str]:
    results = photos.parent / "results"
    return ["run", "suite=pairs", f"data.root={photos}", f"out={results}", "tracking=none", "--json", *words]


def psnr(capsys: pytest.CaptureFixture[str], method: str) -> float:
    cells: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["cells"]
    return next(float(c["metrics"]["psnr_rgb"]["mean"]) for c in cells if c["method"] == method)


def test_images_named_after_the_reference_are_scored_and_a_changed_one_is_scored_anew(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        hr = np.asarray(PilImage.open(photos / "input" / f"{name}.png"))[:48, :60]
        save(tmp_path / "sr" / f"{name}_ref_mine.png", (hr // 16 * 16).astype(np.uint8))
    words = run(photos, "method=folder", f"method.dir={tmp_path / 'sr'}", "method.suffix=_mine")
    assert main(words) == 0
    before = psnr(capsys, "folder")
    assert 25 < before < 35
    save(tmp_path / "sr" / "a_ref_mine.png", np.zeros((48, 60, 3), np.uint8))
    assert main(words) == 0
    assert psnr(capsys, "folder") < before - 5


def test_missing_and_mis_sized_images_are_named_before_anything_runs(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "sr" / "a.png", np.zeros((50, 61, 3), np.uint8))
    assert main(run(photos, "method=folder", f"method.dir={tmp_path / 'sr'}", "against=none")) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "2 of 2 samples cannot be scored" in error
    assert "a: a.png is 61x50, expected 60x48" in error
    assert "b: no b.png or b_ref.png" in error
    assert list((photos.parent / "results").rglob("samples.jsonl")) == []


def test_a_method_in_a_file_runs_and_is_keyed_by_its_content(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "nearest.py"
    plugin.write_text(PLUGIN)
    assert main(run(photos, f"method={plugin}:SPEC")) == 0
    assert 5 < psnr(capsys, "nearest") < 30
    copy = tmp_path / "elsewhere" / "nearest.py"
    copy.parent.mkdir()
    copy.write_text(PLUGIN)
    digest = code_digest(spec_in_file(f"{plugin}:SPEC"))
    assert code_digest(spec_in_file(f"{copy}:SPEC")) == digest
    plugin.write_text(PLUGIN + "# a comment changes nothing")
    assert code_digest(spec_in_file(f"{plugin}:SPEC")) == digest
    plugin.write_text(PLUGIN + "CHANGED = 1\n")
    assert code_digest(spec_in_file(f"{plugin}:SPEC")) != digest
