"""x2, x3 and x8 pairs, end to end: bicubic, a folder of SR images and a plugin; hosted nets say x4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.imaging import bicubic_resize

PLUGIN = """
from refbench.specs import MethodSpec
SPEC = MethodSpec("nearest", ":Nearest", scale=2, scales=(2, 3), max_refs=1, uses_reference=False)
class Nearest:
    def __init__(self, weights, device): pass
    def __call__(self, inp):
        return inp.lr.repeat_interleave(inp.scale, 1).repeat_interleave(inp.scale, 2)
"""


def pairs(root: Path, scale: int, given: bool) -> None:
    """Two pairs of a photo, with LR images of floor and of ceil of HR / scale, or without."""
    photo = skimage.data.astronaut()
    for number, (height, width) in enumerate(((97, 131), (96, 128))):
        hr = photo[number * 100 : number * 100 + height, 150 : 150 + width]
        for folder, image in (("input", hr), ("ref", photo[:90, 100:190])):
            (root / folder).mkdir(parents=True, exist_ok=True)
            PILImage.fromarray(image).save(root / folder / f"p{number}.png")
        if given:
            (root / "lr").mkdir(exist_ok=True)
            small = (
                (-(-height // scale), width // scale) if number == 0 else (height // scale, width // scale)
            )
            PILImage.fromarray(bicubic_resize(hr, small)).save(root / "lr" / f"p{number}.png")


def run(capsys: pytest.CaptureFixture[str], root: Path, *words: str, code: int = 0) -> Any:
    options = [f"data.input={root / 'input'}", f"data.ref={root / 'ref'}", f"out={root / 'out'}"]
    assert main(["run", "suite=pairs", *options, "tracking=none", "device=cpu", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)["cells"]


def psnr_y(sr: np.ndarray, hr: np.ndarray, crop: int) -> float:
    a, b = ((x.astype(float) @ [65.481, 128.553, 24.966] / 255)[crop:-crop, crop:-crop] for x in (sr, hr))
    return float(20 * np.log10(255 / np.sqrt(np.mean((a - b) ** 2))))


@pytest.mark.parametrize("scale", [2, 3, 8])
@pytest.mark.parametrize("given", [False, True])
def test_bicubic_a_folder_and_a_plugin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scale: int, given: bool
) -> None:
    pairs(tmp_path, scale, given)
    card = (f"card=canonical_x{scale}", *([f"data.lr_dir={tmp_path / 'lr'}"] if given else []))
    (cell,) = run(capsys, tmp_path, "method=bicubic", *card)
    assert (cell["errors"], cell["n"], cell["protocol"]) == (0, 2, f"canonical_x{scale}@1")
    name = f"psnr_y:crop={scale}"
    wanted = []
    for path in sorted((tmp_path / "input").iterdir()):
        hr = np.asarray(PILImage.open(path))
        target = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale]
        if given:
            lr = np.asarray(PILImage.open(tmp_path / "lr" / path.name))
        else:
            lr = bicubic_resize(target, (target.shape[0] // scale, target.shape[1] // scale))
        sr = bicubic_resize(lr, (lr.shape[0] * scale, lr.shape[1] * scale))[
            : target.shape[0], : target.shape[1]
        ]
        wanted.append(psnr_y(sr, target, scale))
        (tmp_path / "sr").mkdir(exist_ok=True)
        PILImage.fromarray(sr).save(tmp_path / "sr" / path.name)
    assert cell["metrics"][name]["mean"] == pytest.approx(np.mean(wanted), abs=1e-3)

    folder = run(capsys, tmp_path, "method=folder", f"method.dir={tmp_path / 'sr'}", *card)[-1]
    assert folder["errors"] == 0
    assert folder["metrics"][name]["mean"] == pytest.approx(np.mean(wanted), abs=1e-3)
    plugin = tmp_path / "nearest.py"
    plugin.write_text(PLUGIN)
    words = ["run", "suite=pairs", f"data.input={tmp_path / 'input'}", f"data.ref={tmp_path / 'ref'}"]
    if scale == 8:
        assert main([*words, f"method={plugin}:SPEC", *card, f"out={tmp_path / 'out'}", "tracking=none"]) == 2
        assert "method nearest is x2, x3, protocol canonical_x8@1 is x8" in capsys.readouterr().err
        return
    nearest = run(capsys, tmp_path, f"method={plugin}:SPEC", *card)[-1]
    assert nearest["errors"] == 0
    assert nearest["metrics"][name]["mean"] < cell["metrics"][name]["mean"]


def test_hosted_nets_are_x4_and_say_so_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("ttsr", "c2_matching", "datsr"):
        words = [f"method={method}", "suite=cufed5", "card=canonical_x2", "limit=1", f"out={tmp_path}"]
        assert main(["run", *words, "tracking=none"]) == 2
        shown = capsys.readouterr().err
        assert f"method {method} is x4, protocol canonical_x2@1 is x2" in shown
        assert shown.count("\n") == 1


def test_lr_of_another_scale_is_an_error_row_that_names_the_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs(tmp_path, 2, given=True)
    (cell,) = run(capsys, tmp_path, "method=bicubic", f"data.lr_dir={tmp_path / 'lr'}", code=1)
    assert cell["errors"] == 2
    rows = Path(tmp_path / "out").glob("*/samples.jsonl")
    text = next(rows).read_text()
    assert "is not 4 times that" in text
    assert "card=canonical_x2" in text


def test_the_references_of_x8_have_the_size_of_hr_where_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``ref=constant`` without HR and references is scale times LR."""
    from refbench.protocols import ProtocolInstance
    from refbench.protocols.card import load_card
    from refbench.protocols.reference import ReferencePolicy
    from refbench.types import Sample

    lr = np.zeros((5, 7, 3), np.uint8)
    for scale in (2, 3, 8):
        instance = ProtocolInstance(load_card(f"canonical_x{scale}"), ReferencePolicy("constant"))
        assert instance.apply(Sample("1", None, (), lr=lr), 0, 0).refs[0].shape == (5 * scale, 7 * scale, 3)


def test_upscale_by_other_factors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "photo.png"
    PILImage.fromarray(skimage.data.astronaut()[:20, :30]).save(image)
    out = tmp_path / "large.png"
    words = ["upscale", str(image), f"out={out}"]
    assert main([*words, "method=bicubic", "scale=3"]) == 0
    assert PILImage.open(out).size == (90, 60)
    capsys.readouterr()
    assert main([*words, "method=ttsr", "scale=2", "overwrite=true", f"ref={image}"]) == 2
    assert "method ttsr is x4, scale= is x2" in capsys.readouterr().err
