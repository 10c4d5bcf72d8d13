"""Tables that lie in a results folder: derived again from the rows, contradicted where they were edited."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import results_folder as made

from refbench.auditing.findings import TableAudit
from refbench.cli.main import main
from refbench.reports.stored import audit_tables

REPORT = "format=md,csv,json,latex"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three methods under two protocols with ten images each, and their tables."""
    folder = tmp_path_factory.mktemp("stored") / "r"
    made.write_results(folder, protocols=made.instances()[:2], metrics=("psnr_y",))
    assert main(["report", str(folder), REPORT]) == 0
    return folder


@pytest.fixture
def copy(reported: Path, tmp_path: Path) -> Path:
    shutil.copytree(reported, tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def said(found: TableAudit) -> str:
    return "\n".join(f"{c.file}: {c.field} {c.stated} > {c.found}" for c in found.contradictions)


def test_tables_of_a_moved_folder_hold(copy: Path) -> None:
    found = audit_tables([copy])
    assert said(found) == ""
    assert {"report/report.json", "report/report.md", "report/csv/per_image.csv"} <= set(found.checked)
    assert {"report/latex/tables.tex", "report/latex/numbers.tex"} <= set(found.checked)


def test_each_edited_table_is_named(copy: Path) -> None:
    """A mean, an interval, a p value, a label and a mark, each in the file that states it."""
    report = copy / "report"
    document = json.loads((report / "report.json").read_text())
    document["differences"][0]["p"] = 0.0004
    document["cells"][1]["metrics"]["psnr_y"]["lo"] += 0.5
    document["rankings"][0]["best"] = "bicubic"
    (report / "report.json").write_text(json.dumps(document))
    page = (report / "report.md").read_text()
    mean = next(line for line in page.splitlines() if "| datsr" in line).split(" | ")[6]
    better = mean.replace(mean[:2], "39", 1)
    (report / "report.md").write_text(page.replace(mean, better, 1))
    (scores,) = (report / "csv").glob("scores_*.csv")
    scores.write_text(scores.read_text().replace("ttsr (compact),compact", "ours (compact),compact", 1))
    numbers = report / "latex" / "numbers.tex"
    numbers.write_text(numbers.read_text().replace("{0.0", "{0.5", 1))
    found = audit_tables([copy])
    text = said(found)
    for line in (
        "report/report.json: differences[0].p 0.0004 > ",
        "report/report.json: cells[1].metrics.psnr_y.lo ",
        "report/report.json: rankings[0].best bicubic > ",
        f"{better} > {mean} from the rows",
        f"report/csv/{scores.name}: line ",
        "ours (compact) > ttsr (compact) from the rows",
    ):
        assert line in text, text
    assert len(found.contradictions) == 5 + ("{0.5" in numbers.read_text())


def test_tables_of_other_options_and_of_some_cells_hold(tmp_path: Path) -> None:
    made.write_results(tmp_path / "r", ids=("a", "b", "c"), protocols=made.instances()[:2])
    words = ["report", str(tmp_path / "r"), "format=md,csv", "metric=ssim_y", "published=own"]
    assert main(words) == 0
    assert said(audit_tables([tmp_path / "r"])) == ""
    # another method later: the tables are about those that were there
    made.write_results(
        tmp_path / "r", ids=("a", "b", "c"), protocols=made.instances()[:2], methods={"masa": 1.0}
    )
    found = audit_tables([tmp_path / "r"])
    assert said(found) == ""
    assert len(found.checked) == len([*(tmp_path / "r" / "report").rglob("*.*")])


def test_tables_of_cells_that_are_elsewhere_are_not_judged(copy: Path) -> None:
    shutil.rmtree(next(path.parent for path in copy.glob("*/manifest.json")))
    found = audit_tables([copy])
    assert (said(found), found.checked) == ("", [])
    assert "name the folders of these" in found.notes[0]


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: (p.unlink(), p.symlink_to("/etc/passwd")),
        pipe,
        lambda p: p.write_bytes(b"\xff\xfe\x00"),
        lambda p: p.write_text('{"cells": [3]}'),
        lambda p: p.write_text("[" * 90_000),
        lambda p: p.write_text('{"cells": [{"run_key": [], "provenance": "\\u001b[2J"}]}'),
    ],
)
@pytest.mark.parametrize("name", ["report.json", "csv/provenance.csv"])
def test_a_spoiled_table_is_a_contradiction_in_a_line(spoil: Any, name: str, copy: Path) -> None:
    if name != "report.json":
        (copy / "report" / "report.json").unlink()
    spoil(copy / "report" / name)
    found = audit_tables([copy])
    assert f"report/{name}: " in said(found)
    assert "root:" not in said(found)
    assert all(line.isprintable() for line in (c.line() for c in found.contradictions))


def test_a_link_to_tables_elsewhere_is_not_followed(copy: Path, tmp_path: Path) -> None:
    os.rename(copy / "report", tmp_path / "theirs")
    (tmp_path / "theirs" / "report.md").write_text("| a | b |\n")
    (copy / "report").symlink_to(tmp_path / "theirs")
    assert audit_tables([copy]) == TableAudit()


def test_the_command_contradicts_an_edited_table(
    results: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(results.out), "format=md"]) == 0
    words = ["audit", str(results.out), f"data.root={results.data}", f"markdown={tmp_path / 'a.md'}"]
    capsys.readouterr()
    assert main(words) == 0
    assert "tables derived again: report/report.md" in capsys.readouterr().out
    page = results.out / "report" / "report.md"
    page.write_text(page.read_text().replace("| 3 | 3 | 0 |", "| 30 | 3 | 0 |"))
    assert main(words) == 1
    assert "is 30, found 3 from the rows" in capsys.readouterr().out
    assert "is 30, found 3 from the rows" in (tmp_path / "a.md").read_text()
