"""Results of run schema 1: recognised and named, neither reused nor passed over in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbench.cli.main import main


def age(out: Path) -> None:
    """Write the manifests as refbench did before schema 2, under keys of that time."""
    for path in list(out.glob("*/manifest.json")):
        data = json.loads(path.read_text())
        data["schema"] = data["identity"]["schema"] = 1
        data["run_key"] = "1" * 10 + data["run_key"][10:]
        for field in ("controls", "dataset_count"):
            del data[field]
        path.write_text(json.dumps(data))
        path.parent.rename(path.parent.with_name(data["run_key"][:20]))


def test_a_run_names_older_cells_and_a_report_shows_them_without_drops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r"
    command = ["run", "method=bicubic", "suite=cufed5", "limit=1", f"out={out}", "tracking=none"]
    assert main(command) == 0
    age(out)
    capsys.readouterr()

    assert main(["report", str(out), "format=json", f"report.dir={tmp_path / 'rep'}"]) == 0
    document = json.loads((tmp_path / "rep" / "report.json").read_text())
    assert any("run schema 1" in problem and "without drops" in problem for problem in document["problems"])
    assert document["cells"][0]["n"] == 1
    capsys.readouterr()

    assert main(command) == 0
    said = capsys.readouterr()
    assert "results of run schema 1 (an earlier refbench), 1, were not reused" in said.err
    assert "1 image computed" in said.out
