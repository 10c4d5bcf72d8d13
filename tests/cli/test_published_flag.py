"""``--published`` in a run: next to the measured numbers, unranked, with contradictions told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbench.cli.main import main

MINE = """
from refbench.specs import MethodSpec
from refbench.methods.bicubic.method import Bicubic

SPEC = MethodSpec(name="datsr", target=":Mine", scale=4, uses_reference=False)


class Mine(Bicubic):
    pass
"""


@pytest.fixture
def method(tmp_path: Path) -> str:
    """A stand-in that calls itself datsr, so that DATSR's published numbers are asked for."""
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return f"method={file}:SPEC"


def words(method: str, out: Path, *more: str) -> list[str]:
    return ["run", method, "suite=cufed5", "limit=1", f"out={out}", "tracking=none", "device=cpu", *more]


def test_a_run_shows_them_beside_its_table(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(method, tmp_path / "out", "--published")) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("Published numbers")
    columns = lines[start + 1].split()
    assert columns[:4] == ["DATASET", "METHOD", "METRIC", "PUBLISHED"]
    released = next(line for line in lines if "28.50" in line and "released-weights" in line)
    assert "not measured under datsr@1" in released
    assert any("28.72" in line and "its protocol is unknown" in line for line in lines[start:])
    assert not any("C2-Matching" in line for line in lines[start:])
    # the paper does not say its protocol: nothing contradicts it
    assert not any(line.startswith("contradiction") for line in lines)
    assert any("never ranked with measured ones" in line for line in lines)


def test_without_the_flag_nothing_published_is_shown(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(method, tmp_path / "out")) == 0
    assert "Published numbers" not in capsys.readouterr().out
    assert main(words(method, tmp_path / "out", "--json")) == 0
    assert "published" not in json.loads(capsys.readouterr().out)


def test_the_document_has_numbers_reasons_and_contradictions(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(method, tmp_path / "out", "--published", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    texts = {row["published"]["text"]: row for row in document["published"]}
    assert texts["28.72"]["difference"] is None
    assert texts["28.72"]["published"]["status"] == "paper"
    assert texts["28.50"]["published"]["card"] == "datsr@1"
    assert document["contradictions"] == []


def test_a_method_without_published_numbers_gets_the_literatures_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words("method=bicubic", tmp_path / "out", "--published")) == 0
    told = capsys.readouterr().out
    assert "none are known for these methods on these datasets" in told
    lines = told.splitlines()
    start = lines.index("Literature and measured")
    table = [line.split() for line in lines[start + 2 :]]
    # read by eye is marked, and the own number stands beneath with its own dataset
    assert table[0][:4] == ["CUFED5", "SRCNN-rec", "25.33~", "0.745~"]
    own = next(row for row in table if "bicubic" in row and "measured" in row)
    # one image of the sample
    assert own[0] == "cufed5-sample"
    assert any(line.startswith("~: read by eye") for line in lines)


def test_all_published_numbers_of_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words("method=bicubic", tmp_path / "out")) == 0
    capsys.readouterr()
    report = ["report", str(tmp_path / "out"), "published=all", "format=md"]
    assert main(report) == 0
    assert "AMSA-rec" in capsys.readouterr().out
    page = (tmp_path / "out" / "report" / "report.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if "AMSA-rec" in line)
    assert "28.50~" in row
    # RGB numbers of a table that says PSNR stand in no column of luma
    rgb = next(line for line in page.splitlines() if "25.2433" in line)
    assert rgb.index("25.2433") > rgb.index("| - | - |")
