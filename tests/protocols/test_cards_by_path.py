"""A laboratory's own card, by its path: an identity of its own, never ranked with a shipped one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbench.cli.main import main

CARD = "name: mylab\nversion: 1\ntitle: ours\nhr_crop_multiple: 8\nmetrics: [psnr_y]\n"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mylab.yaml").write_text(CARD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    base = ["run", "method=bicubic", "limit=2", "tracking=none", "out=r"]
    assert main([*base, *words, "--json"]) == code
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def test_run_resume_report_and_the_refusal_to_rank(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = run(capsys, "suite=cufed5", "card=./mylab.yaml")["cells"]  # type: ignore[misc]
    name, _, content = str(cell["protocol"]).partition("#")
    assert name == "mylab@1"
    assert len(content) == 8
    assert run(capsys, "suite=cufed5", "card=./mylab.yaml")["computed"] == 0
    run(capsys, "suite=cufed5")

    # the card's file may be gone: the manifest holds what it said
    (lab / "mylab.yaml").unlink()
    assert main(["score", "r", "metrics=[ssim_rgb]"]) == 0
    assert main(["report", "r", "format=json,md", "report.dir=rep"]) == 0
    capsys.readouterr()
    page = (lab / "rep" / "report.md").read_text().replace("\\", "")
    assert "card.hr_crop_multiple is 4 and 8" in page or "card.hr_crop_multiple is 8 and 4" in page
    document = json.loads((lab / "rep" / "report.json").read_text())
    assert len({c["protocol"] for c in document["cells"]}) == 2


def test_a_card_in_a_suite_file_starts_at_the_suites_folder(
    lab: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab / "sub").mkdir()
    (lab / "mylab.yaml").rename(lab / "sub" / "mylab.yaml")
    (lab / "sub" / "own.yaml").write_text("dataset: cufed5\ncard: ./mylab.yaml\ncontrol: true\n")
    (cell,) = run(capsys, "suite=sub/own.yaml")["cells"]  # type: ignore[misc]
    assert str(cell["protocol"]).startswith("mylab@1#")
    (same,) = run(capsys, "suite=cufed5", "suite.card=sub/mylab.yaml")["cells"]  # type: ignore[misc]
    assert same["run_key"] == cell["run_key"]


def test_another_content_is_another_card_and_another_title_is_not(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = run(capsys, "card=mylab.yaml")["cells"]  # type: ignore[misc]
    (lab / "mylab.yaml").write_text(CARD.replace("ours", "reworded"))
    (second,) = run(capsys, "card=mylab.yaml")["cells"]  # type: ignore[misc]
    (lab / "mylab.yaml").write_text(CARD.replace("8", "12"))
    (third,) = run(capsys, "card=mylab.yaml")["cells"]  # type: ignore[misc]
    assert first["protocol"] == second["protocol"] != third["protocol"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: mylab\nversion: 1\ntitle: x\nhr_crop: 8\n", "hr_crop"),
        ("name: mylab\nversion: one\ntitle: x\n", "version: 'one' is not a whole number"),
        ("name: mylab\nversion: 1\ntitle: x\nreference: all\n", "reference: 'all' is not a mapping"),
        ("- 1\n", "expected a mapping"),
    ],
)
def test_a_wrong_card_is_one_line(
    lab: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (lab / "mylab.yaml").write_text(text)
    assert main(["run", "method=bicubic", "card=mylab.yaml", "out=r"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "mylab.yaml" in error
    assert main(["run", "method=bicubic", "card=./absent.yaml", "out=r"]) == 2
    assert "there is no file absent.yaml" in capsys.readouterr().err
