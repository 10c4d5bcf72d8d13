"""A run and everything that reads its folder afterwards say the same of each cell, field by field."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.main import main

ON_SAMPLE = (
    "cufed5",
    "cufed5_corruption",
    "cufed5_geometry",
    "cufed5_jitter",
    "cufed5_matching",
    "cufed5_official",
    "cufed5_photometric",
    "cufed5_ref_number",
    "cufed5_ref_type",
)
CUSTOM_CONTROL = """
name: own_control
dataset: cufed5
protocols:
  - {}
  - {reference: {policy: level, level: 5}, control: true}
  - {reference: {policy: level, level: 2}}
"""


def documents(
    capsys: pytest.CaptureFixture[str], out: Path, method: str, suite: str, *more: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what ``run --json`` prints, what ``report format=json`` writes) of the same folder."""
    command = ["run", f"method={method}", f"suite={suite}", f"out={out}", "tracking=none", "images=none"]
    assert main([*command, "draws=1", "--json", *more]) == 0
    ran = json.loads(capsys.readouterr().out)
    assert main(["report", str(out), "format=json,csv,md", f"report.dir={out}-report", "--json"]) == 0
    capsys.readouterr()
    return ran, json.loads((Path(f"{out}-report") / "report.json").read_text())


def by_key(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cell["run_key"]: {k: v for k, v in cell.items() if k != "cost"} for cell in document["cells"]}


@pytest.mark.parametrize("suite", ON_SAMPLE)
def test_run_and_report_agree_on_every_field_of_shipped_suites(
    suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran, reported = documents(capsys, tmp_path / "r", "bicubic", suite, "limit=2")
    assert by_key(ran) == by_key(reported)
    for cell in ran["cells"]:
        assert "control" in cell
        assert all("drop" in metric for metric in cell["metrics"].values())


def test_the_suites_own_control_decides_in_run_report_and_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(CUSTOM_CONTROL)
    ran, reported = documents(capsys, tmp_path / "r", "ttsr", str(own), "limit=2")
    cells, again = by_key(ran), by_key(reported)
    assert cells == again
    level2 = next(c for c in cells.values() if c["method"] == "ttsr" and c["protocol"].endswith("ref=L2"))
    assert level2["control"] == "canonical@1+ref=L5"
    drop = level2["metrics"]["psnr_y"]["drop"]
    # L2 is better than the control L5: nothing is lost
    assert drop["mean"] < -0.5
    table = next(Path(f"{tmp_path}/r-report").rglob("table*type*.csv"), None) or next(
        p for p in Path(f"{tmp_path}/r-report").rglob("*.csv") if "drop" in p.read_text()
    )
    rows = list(csv.DictReader(table.open()))
    printed = next(
        float(r["drop"])
        for r in rows
        if r["protocol"].endswith("ref=L2") and r["method"].startswith("ttsr") and r["metric"] == "psnr_y"
    )
    assert printed == pytest.approx(drop["mean"], abs=1e-4)
    control = next(c for c in cells.values() if c["protocol"].endswith("ref=L5"))
    assert control["control"] is None
    assert control["metrics"]["psnr_y"]["drop"] is None


def test_the_oracle_has_no_drop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, reported = documents(capsys, tmp_path / "r", "bicubic", "cufed5_ref_type", "limit=2")
    oracles = [c for d in (ran, reported) for c in d["cells"] if "oracle" in c["protocol"]]
    assert oracles
    assert all(c["control"] is None for c in oracles)
    assert all(m["drop"] is None for c in oracles for m in c["metrics"].values())


def test_a_part_of_a_set_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, reported = documents(capsys, tmp_path / "r", "bicubic", "cufed5", "limit=2")
    labels = {c["dataset_label"] for d in (ran, reported) for c in d["cells"]}
    assert labels == {"cufed5-sample [2 of 13]"}


def test_variants_of_one_method_have_labels_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "run",
        "-m",
        "method=ttsr",
        "method.multi=first,best",
        "suite=cufed5",
        "limit=1",
        f"out={tmp_path / 'r'}",
    ]
    assert main([*command, "tracking=none", "--json"]) == 0
    labels = [c["method_label"] for c in json.loads(capsys.readouterr().out)["cells"]]
    assert len(set(labels)) == len(labels) == 3, labels
    assert main(["score", str(tmp_path / "r"), "metrics=[psnr_rgb]", "--json"]) == 0
    assert {c["method_label"] for c in json.loads(capsys.readouterr().out)["cells"]} == set(labels)
