"""score: the values a run would have given, without inference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main
from refbench.store import find_runs


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "my pairs (ü)"
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for part in ("input", "ref"):
            (root / part).mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (48, 52, 3), dtype=np.uint8)
            PILImage.fromarray(pixels).save(root / part / f"{name}.png")
    return root


def call(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    assert main([*words, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def run(capsys: pytest.CaptureFixture[str], data: Path, out: Path, *more: str) -> dict[str, Any]:
    return call(
        capsys,
        "run",
        "method=bicubic",
        "suite=pairs",
        f"data.root={data}",
        f"out={out}",
        "tracking=none",
        *more,
    )


def test_scores_equal_those_of_a_run(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    run(capsys, data, out)
    (folder,) = find_runs(out)
    added = call(capsys, "score", "metrics=[ssim_rgb,psnr_y]", f"out={out}")
    (cell,) = added["cells"]
    assert (cell["scored"], cell["reused"], cell["n"], cell["errors"]) == (2, 0, 2, 0)
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary["metrics"]) == {"psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"}

    fresh = run(capsys, data, tmp_path / "fresh", "metrics=[ssim_rgb]")["cells"][0]["metrics"]
    # a drop is of several cells, and score looks at each on its own
    for name in ("ssim_rgb", "psnr_y"):
        assert cell["metrics"][name] == {k: v for k, v in fresh[name].items() if k != "drop"}
    assert summary["metrics"]["ssim_rgb"]["mean"] == fresh["ssim_rgb"]["mean"]


def test_a_second_time_computes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(capsys, data, out)
    first = call(capsys, "score", "metrics=ssim_rgb", str(out))
    (folder,) = find_runs(out)
    second = call(capsys, "score", "metrics=ssim_rgb", str(folder), str(out))
    assert [(c["scored"], c["reused"]) for c in second["cells"]] == [(0, 2)]
    assert second["cells"][0]["metrics"] == first["cells"][0]["metrics"]


def test_a_moved_dataset_needs_its_new_root(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(capsys, data, out)
    moved = data.rename(tmp_path / "moved")
    assert main(["score", "metrics=ssim_rgb", f"out={out}"]) == 2
    assert "my pairs (ü)" in capsys.readouterr().err
    assert (
        call(capsys, "score", "metrics=ssim_rgb", f"out={out}", f"data.root={moved}")["cells"][0]["scored"]
        == 2
    )


def test_a_changed_dataset_is_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    run(capsys, data, out)
    PILImage.new("RGB", (52, 48)).save(data / "input" / "a.png")
    assert main(["score", "metrics=ssim_rgb", f"out={out}"]) == 2
    assert "is not the one that was run (other fingerprint)" in capsys.readouterr().err


def test_without_images_nothing_can_be_scored(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(capsys, data, out, "images=none")
    assert main(["score", "metrics=ssim_rgb", f"out={out}"]) == 2
    assert capsys.readouterr().err.endswith("run again with images=png\n")


def test_a_lost_or_broken_image_is_said(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(capsys, data, out)
    (folder,) = find_runs(out)
    lost, broken = sorted((folder / "images").iterdir())
    lost.unlink()
    (cell,) = call(capsys, "score", "metrics=ssim_rgb", f"out={out}", code=1)["cells"]
    assert (cell["scored"], cell["without_image"]) == (1, 1)
    broken.write_bytes(broken.read_bytes()[:100])
    (cell,) = call(capsys, "score", "metrics=ssim_y_c0", f"out={out}", code=1)["cells"]
    assert (cell["scored"], cell["errors"], cell["without_image"]) == (0, 1, 1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "score: metrics= is missing ([lpips_alex,pyiqa:dists])"),
        (["metrics=psnr_yy"], "no metric 'psnr_yy'; did you mean 'psnr_y'?"),
        (
            ["metrics=psnr_y", "/no/such"],
            "results folder /no/such: not found; run something into it first, or set out=DIR",
        ),
    ],
)
def test_mistakes(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", *words]) == 2
    assert capsys.readouterr().err == f"refbench: {expected}\n"
