"""The published evaluations as a user runs them: layouts as downloaded, through the command line."""

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

PHOTO = skimage.data.astronaut()
FRACTIONS = """
from refbench.specs import MethodSpec
SPEC = MethodSpec("fractions", ":Fractions", scale=2, max_refs=1, uses_reference=False)
class Fractions:
    def __init__(self, weights, device): pass
    def __call__(self, inp):
        # a third of a grey level more than any 8-bit image
        return inp.lr.repeat_interleave(2, 1).repeat_interleave(2, 2) * 0.9 + 1 / 3 / 255
"""


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PILImage.fromarray(image).save(path)


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert main(["run", *words, "tracking=none", "device=cpu", "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def dusr(tmp_path: Path) -> Path:
    """Two pairs in DuSR-Real's layout, with the telephoto's field."""
    root = tmp_path / "data"
    for number in (1, 2):
        hr = PHOTO[number * 90 : number * 90 + 96, 150:278]
        save(root / f"DuSR-Real/test/HR/000{number}.png", hr)
        save(root / f"DuSR-Real/test/LR/000{number}.png", bicubic_resize(hr, (48, 64)))
        save(root / f"DuSR-Real/test/Ref_SIFT/000{number}.png", hr[20:76, 30:90])
    boxes = root / "corrdinate/corrdinate_DuSR-Real.json"
    boxes.parent.mkdir()
    boxes.write_text(json.dumps({f"000{n}.png": [20, 76, 30, 90] for n in (1, 2)}))
    return root


def test_kedusr_measures_unrounded_sr_in_three_regions(
    dusr: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "fractions.py"
    plugin.write_text(FRACTIONS)
    words = (f"method={plugin}:SPEC", "suite=dusr_real", f"data.root={dusr}", f"out={tmp_path / 'r'}")
    document = run(capsys, *words)
    cell = next(c for c in document["cells"] if c["method"] == "fractions")
    assert (cell["protocol"], cell["errors"], cell["n"]) == ("kedusr@1", 0, 2)
    wanted: dict[str, list[float]] = {"": [], ":region=center": [], ":region=corner": []}
    for number in (1, 2):
        hr = PHOTO[number * 90 : number * 90 + 96, 150:278].astype(np.float64)
        lr = bicubic_resize(hr.astype(np.uint8), (48, 64)).astype(np.float64)
        sr = np.repeat(np.repeat(lr, 2, 0), 2, 1) * 0.9 + 1 / 3
        inside = np.zeros((96, 128), bool)
        inside[20:76, 30:90] = True
        for name, mask in (("", inside | True), (":region=center", inside), (":region=corner", ~inside)):
            wanted[name].append(float(20 * np.log10(255 / np.sqrt(np.mean((sr - hr)[mask] ** 2)))))
    for name, values in wanted.items():
        found = cell["metrics"][f"psnr_rgb:round=none:crop=0{name}"]["mean"]
        assert found == pytest.approx(np.mean(values), abs=2e-5)
    # resumed, not repeated; a metric of kept images joins, one of unrounded SR cannot
    assert run(capsys, *words)["computed"] == 0
    assert main(["score", str(tmp_path / "r"), "metrics=[psnr_rgb:crop=0]", "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["cells"]
    own = next(c for c in scored if c["method"] == "fractions")
    rounded = own["metrics"]["psnr_rgb:crop=0"]["mean"]
    assert abs(rounded - np.mean(wanted[""])) > 1e-5
    assert main(["score", str(tmp_path / "r"), "metrics=[psnr_y:round=none]"]) == 1
    told = capsys.readouterr()
    assert "needs SR before it is rounded, which is known during the run only" in told.out + told.err
    # asked of the run itself, the method is called again
    more = run(capsys, *words, "metrics=[...,psnr_y:round=none]")
    assert more["computed"] > 0
    again = next(c for c in more["cells"] if c["method"] == "fractions")
    assert again["metrics"]["psnr_y:round=none"]["mean"] > 10


def test_realesrgan_takes_sr_of_another_size_from_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """ReFIR's layout; SR cut to multiples of 8, as those codes save it."""
    root, sr_folder = tmp_path / "data", tmp_path / "sr"
    wanted = []
    for number in (1, 2):
        hr = PHOTO[number * 90 : number * 90 + 100, 150:282]
        lr = bicubic_resize(hr, (25, 33))
        save(root / f"Real_Deg/HR/00{number}_0_HR.png", hr)
        save(root / f"Real_Deg/LR/00{number}_0_LR.png", lr)
        save(root / f"ref/00{number}_1.png", PHOTO[:80, :90])
        sr = bicubic_resize(lr, (96, 128))
        save(sr_folder / f"00{number}.png", sr)
        fitted = bicubic_resize(sr, (100, 132))[4:-4, 4:-4]
        a, b = (x.astype(float) @ [65.481, 128.553, 24.966] / 255 for x in (fitted, hr[4:-4, 4:-4]))
        wanted.append(20 * np.log10(255 / np.sqrt(np.mean((a - b) ** 2))))
    document = run(
        capsys, "method=folder", f"method.dir={sr_folder}", "suite=cufed5_given_lr", f"data.root={root}",
        "data.partial=true", f"out={tmp_path / 'r'}",
    )  # fmt: skip
    bicubic, folder = document["cells"]
    assert (folder["protocol"], folder["errors"], bicubic["errors"]) == ("realesrgan@1", 0, 0)
    assert folder["metrics"]["psnr_y"]["mean"] == pytest.approx(np.mean(wanted), abs=1e-3)
    # the kept image is the one that was scored
    kept = next((tmp_path / "r" / folder["run_key"][:20] / "images").glob("*.png"))
    assert PILImage.open(kept).size == (132, 100)
    assert main(["score", str(tmp_path / "r"), "metrics=[ssim_y]"]) == 0


@pytest.mark.parametrize("name", ["dusr_real", "cufed5_given_lr"])
def test_given_lr_is_never_degraded(
    dusr: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    suite = tmp_path / "own.yaml"
    suite.write_text(f"dataset: {name}\ncard: realesrgan\ndegradation: blur\nlevels: [sigma1]\n")
    assert main(["run", "method=bicubic", f"suite={suite}", f"data.root={dusr}", f"out={tmp_path}"]) == 2
    assert (
        "protocol realesrgan@1 scores given LR images; leave degradation: blur out" in capsys.readouterr().err
    )


def test_lmr_gives_five_references_padded_to_500(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run(
        capsys, "method=bicubic", "suite=cufed5_lmr", "limit=1", "images=none", f"out={tmp_path / 'r'}"
    )  # fmt: skip
    (cell,) = document["cells"]
    assert (cell["protocol"], cell["errors"]) == ("lmr@1+ref=upto5", 0)
    row = json.loads(next((tmp_path / "r").glob("*/samples.jsonl")).read_text().splitlines()[0])
    assert len(row["ref_sizes"]) == 5
    assert all(min(size) >= 500 for size in row["ref_sizes"])
    assert len({tuple(size) for size in row["ref_sizes"]}) == 1
    assert [side * 4 for side in row["lr_size"]] == row["ref_sizes"][0]


def test_card_lmr_brings_its_policy_to_any_suite_that_names_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "method=bicubic", "suite=cufed5", "card=lmr", "limit=1", f"out={tmp_path}", "--dry-run"]
    assert main(words) == 0
    assert "lmr@1+ref=upto5" in capsys.readouterr().out
