"""A user's own LR images: without HR the SR images and no-reference metrics; never ranked with bicubic LR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.reports.table import comparison_table
from refbench.results import scoring
from refbench.results.cells import load_cells
from refbench.store import find_runs, load_run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """HR, references, and LR images that are not bicubic ones."""
    rng = np.random.default_rng(0)
    sizes = {"input": (48, 64), "ref": (40, 44), "lr": (12, 16)}
    for part, (height, width) in sizes.items():
        (tmp_path / part).mkdir()
        for name in "abcdefgh":
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            PILImage.fromarray(pixels).save(tmp_path / part / f"{name}.png")
    return tmp_path


def run(photos: Path, *more: str) -> list[str]:
    words = ["run", "method=bicubic", "suite=pairs", f"data.ref={photos}/ref", f"out={photos}/out"]
    return [*words, "tracking=none", "device=cpu", "threads=1", *more]


def document(capsys: pytest.CaptureFixture[str], argv: list[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_images_are_written_and_the_table_says_what_is_missing(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run(photos, f"data.lr_dir={photos}/lr", "limit=2")) == 0
    text = capsys.readouterr().out
    assert "external-lr" in text
    assert "[1] PSNR-Y, SSIM-Y, PSNR-RGB: no ground truth" in " ".join(text.split())
    (folder,) = find_runs(photos / "out")
    for row in load_run(folder).rows:
        assert row.ok
        assert row.hr_size is None
        assert row.image is not None
        with PILImage.open(folder / row.image) as image:
            assert image.size == (64, 48)


@pytest.mark.parametrize("images", ["png", "none"])
def test_a_resume_neither_repeats_nor_rescores(
    images: str, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = run(photos, f"data.lr_dir={photos}/lr", f"images={images}", "limit=2")
    assert document(capsys, argv)["computed"] == 2

    def refuse(*args: object) -> None:
        raise AssertionError("a sample without HR was scored again")

    monkeypatch.setattr(scoring, "score_row", refuse)
    again = document(capsys, argv)
    assert (again["computed"], again["reused"]) == (0, 2)


def test_a_no_reference_metric_is_scored_without_hr(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyiqa is an extra: where it is not installed, the column says so and everything else stands."""
    monkeypatch.setattr("refbench.metrics.pyiqa.find_spec", lambda name: None)
    argv = run(photos, f"data.lr_dir={photos}/lr", "metrics=[pyiqa:niqe]", "limit=1")
    assert main(argv) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "pyiqa is not installed: pip install 'pyiqa>=0.1.14'" in text
    # later it is there: only this metric is computed, from the kept images
    built = lambda spec: lambda sr, target: float(sr.mean())  # noqa: E731
    monkeypatch.setattr("refbench.metrics.pyiqa.factory", built)
    again = document(capsys, argv)
    (cell,) = again["cells"]
    assert (again["computed"], again["reused"]) == (0, 1)
    assert cell["metrics"]["pyiqa:niqe"]["mean"] > 0
    assert cell["metrics"]["psnr_y"]["mean"] is None


def test_given_lr_is_never_ranked_with_bicubic_lr(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = run(photos, f"data.input={photos}/input")
    given = run(photos, f"data.input={photos}/input", f"data.lr_dir={photos}/lr")
    (own,) = document(capsys, plain)["cells"]
    (external,) = document(capsys, given)["cells"]
    assert own["run_key"] != external["run_key"]
    assert external["dataset_label"].endswith("external-lr")
    table = comparison_table(load_cells([photos / "out"]).cells)
    assert len(table.sections) == 2
    assert {s.mark for section in table.sections for e in section.entries for s in e.scores} == {""}
    assert own["metrics"]["psnr_y"]["mean"] != external["metrics"]["psnr_y"]["mean"]
