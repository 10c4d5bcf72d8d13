"""The front door: what Python calls, and what the command line calls too."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import refbench
from refbench import api
from refbench.errors import UserError


def test_importing_refbench_is_light_and_brings_no_torch() -> None:
    code = (
        "import sys, refbench\n"
        "print([m for m in ('torch', 'numpy', 'pandas', 'mlflow', 'hydra', 'pytest') if m in sys.modules])\n"
        "print(sorted(refbench.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, names = done.stdout.splitlines()
    assert heavy == "[]"
    assert "'evaluate'" in names
    assert "'run'" in names


def test_examples_of_the_docstrings() -> None:
    result = doctest.testmod(api, optionflags=doctest.ELLIPSIS)
    assert result.attempted >= 8
    assert result.failed == 0


def test_no_name_of_the_front_door_is_taken_by_a_package() -> None:
    """``import refbench.auditing.x`` would put a package instead of ``refbench.audit()``."""
    folder = Path(refbench.__file__).parent
    there = {path.stem for path in folder.iterdir()}
    assert not [name for name in refbench.__all__ if name in there]


def test_audit_export_and_site(tmp_path: Path) -> None:
    out = tmp_path / "results of ours"
    refbench.run(method="bicubic", limit=1, out=out)
    made = refbench.export(out, out=tmp_path / "blind.zip", anonymous=True)
    assert made.facts["digest"] == refbench.audit(out).cells[0].digest
    site = refbench.site(made.files[0], out=tmp_path / "site", title="a, b (c)", samples=0)
    assert (site.cells, site.images) == (1, 0)
    assert "a, b (c)" in (site.out / "index.html").read_text()
    rows = next(out.glob("*/samples.jsonl"))
    rows.write_text(rows.read_text().replace('":23.4', '":26.4'))
    assert refbench.audit(out).exit_code == 1
    with pytest.raises(UserError, match="format=zip"):
        refbench.export(out, out=tmp_path / "x", format="zip")
    with pytest.raises(UserError, match=r"weights\.root=.*gone: not there"):
        refbench.audit(out, weights_root=tmp_path / "gone")
    with pytest.raises(UserError, match="rerun"):
        refbench.audit(out, rerun=-1)


def test_a_run_from_a_notebook(tmp_path: Path) -> None:
    result = refbench.run(method="bicubic", suite="cufed5", limit=2, tracking="none", out=tmp_path)
    frame = result.frame()
    assert len(frame) == 2
    assert set(frame["sample_id"]) == {"000", "001"}
    assert frame["psnr_y"].mean() == pytest.approx(result.cells[0].metrics["psnr_y"].mean)
    assert "PSNR-Y" in result.table()
    again = refbench.run(method="bicubic", suite="cufed5", limit=2, out=tmp_path)
    assert (again.outcome.computed, again.outcome.reused) == (0, 2)


def test_lists_are_sweeps_and_mappings_are_dotted_keys(tmp_path: Path) -> None:
    result = refbench.run(
        ["bicubic", "ttsr"],
        limit=1,
        out=tmp_path / "a b (1)",
        images="none",
        metrics=["ssim_rgb"],
        executor={"retries": 0},
        method__multi="best",
    )
    assert [cell.method for cell in result.cells] == ["bicubic", "ttsr"]
    assert all("ssim_rgb" in cell.metrics for cell in result.cells)
    assert result.cells[1].manifest.identity["params"]["multi"] == "best"


def test_any_callable_is_scored(tmp_path: Path) -> None:
    result = refbench.evaluate(
        lambda lr, refs: lr.repeat_interleave(4, 1).repeat_interleave(4, 2),
        name="nearest",
        limit=2,
        out=tmp_path,
    )
    bicubic, nearest = result.cells
    assert (nearest.method_label, nearest.errors, nearest.n) == ("nearest", 0, 2)
    assert nearest.metrics["psnr_y"].mean < bicubic.metrics["psnr_y"].mean


class Net(torch.nn.Module):
    """A single-image network that repeats pixels."""

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        assert lr.ndim == 4
        assert not self.training
        return torch.nn.functional.interpolate(lr, scale_factor=4)


def test_a_module_is_scored_and_never_reused(tmp_path: Path) -> None:
    first = refbench.evaluate(Net(), name="net", limit=1, out=tmp_path, images="none")
    second = refbench.evaluate(Net(), name="net", limit=1, out=tmp_path, images="none")
    assert first.cells[1].errors == 0
    # the baseline is reused, what a live callable did before is not
    assert (second.outcome.computed, second.outcome.reused) == (1, 1)
    assert first.cells[1].run_key != second.cells[1].run_key


def test_what_evaluate_refuses() -> None:
    with pytest.raises(UserError, match="a int cannot be called"):
        refbench.evaluate(3)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"'bicubic' is taken \(built-in\)"):
        refbench.evaluate(lambda lr, refs: lr, name="bicubic")
    with pytest.raises(UserError, match="cannot travel to other processes"):
        refbench.evaluate(lambda lr, refs: lr, executor="local")
    with pytest.raises(UserError, match="metod"):
        refbench.run(method="bicubic", metod__k=1)


def test_report_and_check(tmp_path: Path) -> None:
    out = tmp_path / "r"
    result = refbench.run(method="bicubic", limit=2, out=out)
    made = refbench.report(out, format=["json", "md"])
    assert sorted(path.name for path in made.files) == ["report.json", "report.md"]
    api.save_baseline(result, tmp_path / "b.json")
    assert refbench.check(tmp_path / "b.json", result).exit_code == 0
    assert refbench.check(tmp_path / "b.json", out).exit_code == 0
    with pytest.raises(UserError, match="report format"):
        refbench.report(out, format="hmtl")


def test_verify_and_upscale(tmp_path: Path) -> None:
    said: list[str] = []
    report = refbench.verify("bicubic", echo=said.append)
    assert report.exit_code == 0
    assert said
    from PIL import Image

    Image.new("RGB", (20, 16), (10, 200, 30)).save(tmp_path / "lr.png")
    done = refbench.upscale(tmp_path / "lr.png", "bicubic", out=tmp_path / "sr.png")
    assert done.sr_size == (64, 80)
    assert (tmp_path / "sr.png").is_file()
