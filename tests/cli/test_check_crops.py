"""The Markdown summary of a check shows crops of the worst images where SR images were kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from refbench.cli.main import main
from refbench.imaging import read_image


def regressed(tmp_path: Path, images: str) -> Path:
    """The summary of a check against a baseline in which image 001 was 15 dB better."""
    out, baseline = tmp_path / "out", tmp_path / "b.json"
    words = [
        "method=bicubic",
        "limit=2",
        "metrics=[psnr_y]",
        "tracking=none",
        f"images={images}",
        f"out={out}",
    ]
    assert main(["run", *words]) == 0
    assert main(["check", f"baseline={baseline}", f"run={out}", "--update"]) == 0
    document = json.loads(baseline.read_text())
    for cell in document["cells"]:
        for metrics in cell["images"].values():
            metrics["psnr_y"] = [value + 15 for value in metrics["psnr_y"]]
            break
    baseline.write_text(json.dumps(document))
    summary = tmp_path / "a report" / "gate.md"
    assert main(["check", f"baseline={baseline}", f"run={out}", f"markdown={summary}"]) == 1
    return summary


def test_worst_images_are_shown(tmp_path: Path) -> None:
    summary = regressed(tmp_path, "png")
    text = summary.read_text()
    assert text.startswith("**refbench check: regressed**")
    (link,) = re.findall(r"!\[HR, SR\]\(<(.*)>\)", text)
    picture = read_image(summary.parent / unquote(link))
    height, width = picture.shape[:2]
    assert (height, width) == (96, 2 * 96 + 4)
    assert (picture[:, 96:100] == 255).all()
    # HR has what bicubic lost
    left, right = picture[:, :96].astype(float), picture[:, 100:].astype(float)
    assert np.abs(np.diff(left, axis=1)).mean() > np.abs(np.diff(right, axis=1)).mean()
    assert re.search(r"000: psnr_y [\d.]+ -> [\d.]+ \(-15\.0000\)", text)


def test_nothing_is_shown_where_no_image_was_kept(tmp_path: Path) -> None:
    summary = regressed(tmp_path, "none")
    assert "![" not in summary.read_text()
    assert [path.name for path in summary.parent.iterdir()] == ["gate.md"]
