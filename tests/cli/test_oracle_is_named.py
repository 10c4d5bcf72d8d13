"""HR as its own reference: every output says that it leaks the truth, whichever way it was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from refbench.cli.main import main

pytestmark = pytest.mark.slow

ORACLE = "oracle: leaks HR"
LABEL = f"urban100 ({ORACLE}) [2 of 100]"
POLICY = f"canonical@1+ref=hr({ORACLE})"
SUITE = """
dataset: urban100
protocols:
  - {control: true}
  - {reference: {policy: hr}}
  - {reference: {policy: hr}, transform: rotation, level: 5deg}
  - {reference: {policy: constant}}
"""
METHOD = """
from refbench.matching import match
from refbench.methods.bicubic.method import Bicubic
from refbench.specs import MethodSpec

SPEC = MethodSpec(name="matcher", target=":Matcher", min_refs=1)


class Matcher(Bicubic):
    def __call__(self, inp):
        match(inp.lr, inp.refs[0][:, ::4, ::4].contiguous())
        return super().__call__(inp) * 0.99
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Urban100 with a pair list that makes images their own references, a suite, a method."""
    root = tmp_path_factory.mktemp("oracle")
    (root / "input").mkdir()
    rng = np.random.default_rng(0)
    for name in ("001", "002"):
        pixels = rng.integers(0, 256, (48, 56, 3), dtype=np.uint8)
        PILImage.fromarray(pixels).save(root / "input" / f"{name}.png")
    (root / "pairs.txt").write_text("001.png 001.png\n002.png 002.png\n")
    (root / "leaks.yaml").write_text(SUITE)
    (root / "matcher.py").write_text(METHOD)
    return root


def words(root: Path, out: Path, *more: str) -> list[str]:
    return [
        "run", f"method={root}/matcher.py:SPEC", f"suite={root}/leaks.yaml", f"data.root={root}",
        f"data.list={root}/pairs.txt", "data.partial=true", f"out={out}", "device=cpu", "threads=1", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def results(place: Path) -> Path:
    assert main(words(place, place / "out", "tracking=none")) == 0
    return place / "out"


def test_run_and_its_document(place: Path, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(place, results, "tracking=none")) == 0
    text = capsys.readouterr().out
    assert f"{LABEL}, {POLICY}" in text
    assert main(words(place, results, "tracking=none", "--json")) == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    assert {cell["dataset_label"] for cell in cells} == {LABEL}
    assert POLICY in {cell["protocol"] for cell in cells}
    assert main(words(place, results, "tracking=none", "--dry-run")) == 0
    assert POLICY in capsys.readouterr().out


def test_manifests_and_rows_folder(results: Path) -> None:
    manifests = [json.loads(p.read_text()) for p in results.glob("*/manifest.json")]
    assert len(manifests) == 8
    assert all(ORACLE in m["dataset_label"] for m in manifests)
    assert sum(ORACLE in m["protocol"] for m in manifests) == 4


def test_every_format_of_the_report(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats = "format=md,latex,csv,html,json,figures"
    assert main(["report", str(results), formats, f"report.dir={tmp_path}"]) == 0
    assert f"{LABEL}, {POLICY}" in capsys.readouterr().out
    for name in ("report.md", "latex/tables.tex", "report.html", "report.json"):
        text = (tmp_path / name).read_text()
        assert f"ref=hr({ORACLE})" in text, name
        # each format escapes the brackets in its own way
        assert f"({ORACLE})" in text.split("urban100", 1)[1][:80], name
    tables = sorted((tmp_path / "csv").glob("*.csv"))
    named = [path.name for path in tables if ORACLE in path.read_text()]
    assert "per_image.csv" in named
    assert any(name.startswith("scores") for name in named)
    for path in tables:
        # files of one dataset carry its name in their own
        assert ORACLE in path.read_text() or "oracle_leaks_HR" in path.name, path.name
    figures = sorted((tmp_path / "figures").glob("*.svg"))
    assert {p.name.split("_")[0] for p in figures} >= {"robustness", "reference", "matching"}
    for path in figures:
        assert ORACLE in path.read_text(), path.name


def test_the_gate(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = tmp_path / "baseline.json"
    assert main(["check", f"run={results}", f"baseline={baseline}", "--update"]) == 0
    assert ORACLE in baseline.read_text()
    capsys.readouterr()
    assert main(["check", f"run={results}", f"baseline={baseline}"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if " on urban100" in line]
    assert len(told) == 8
    assert all(ORACLE in line for line in told)


def test_mlflow_tags(place: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    assert main(words(place, tmp_path / "out", "limit=1")) == 0
    (database,) = (tmp_path / "out").rglob("*.db")
    client = MlflowClient(f"sqlite:///{database}")
    runs = [r for e in client.search_experiments() for r in client.search_runs([e.experiment_id])]
    assert len(runs) == 9
    assert all(ORACLE in run.data.tags["dataset_label"] for run in runs)
    assert sum(ORACLE in run.data.tags.get("protocol", "") for run in runs) >= 4
