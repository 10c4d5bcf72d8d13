"""Values and small files as people write them by mistake: one line that names key, file and remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from refbench.cli.main import main
from refbench.config.suite import as_mapping
from refbench.errors import UserError
from refbench.untrusted.yaml_text import safe_yaml

RUN = ["run", "method=bicubic", "suite=cufed5", "limit=1", "tracking=none", "against=none"]


@pytest.mark.parametrize("argv", [
    ["run", "method=bicubic", "out=null", "--dry-run"], ["report", "out=null"], ["score", "out=null"],
    ["check", "baseline=b.json", "out=null"], ["merge", "a", "out=null"], ["profile", "out=null"],
    ["audit", "out=null"],
])  # fmt: skip
def test_out_null(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    if argv[0] in ("run", "report"):
        assert shown.err == "refbench: out=null: give a path, or leave the key out\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "message"), [
    ("name: a\ndataset: x\nname: b\n", "'name' is given twice, on lines 1 and 3; keep one"),
    ("{card: canonical, card: ttsr}", "'card' is given twice, on lines 1 and 1; keep one"),
    ("protocols:\n- {card: a}\n- card: b\n  card: b\n", "'card' is given twice, on lines 3 and 4"),
])  # fmt: skip
def test_a_yaml_key_given_twice(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        safe_yaml(text, "s.yaml")
    assert str(caught.value).startswith("s.yaml: not valid YAML: ")


def test_equal_keys_of_different_mappings_and_types_are_fine() -> None:
    text = "a: {k: 1}\nb: {k: 2}\n1: x\n'1': y\n"
    assert safe_yaml(text, "s.yaml") == {"a": {"k": 1}, "b": {"k": 2}, 1: "x", "1": "y"}
    assert as_mapping("\ufeffname: x\n", "s.yaml") == {"name": "x"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2024", "name: 2024 is not text; put it in quotes"),
        ("2024-01-02", "2024-01-02 is read as a date, not as text; put it in quotes"),
        ("1.5", "name: 1.5 is not text; put it in quotes"),
        ("yes", "name: True is not text; put it in quotes"),
        ("[a]", "name: ['a'] is not text"),
    ],
)
def test_a_name_that_yaml_reads_as_something_else(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "s.yaml"
    suite.write_text(f"name: {name}\ndataset: cufed5\nprotocols: [{{}}]\n")
    assert main(["run", "method=bicubic", f"suite={suite}", f"out={tmp_path / 'o'}", "--dry-run"]) == 2
    shown = capsys.readouterr().err
    assert shown == f"refbench: {suite}: {said}\n"


def test_a_baseline_with_a_byte_order_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a text editor on Windows saves it."""
    out, baseline = tmp_path / "o", tmp_path / "b.json"
    assert main([*RUN, f"out={out}"]) == 0
    assert main(["check", f"baseline={baseline}", f"out={out}", "--update"]) == 0
    baseline.write_text("\ufeff" + baseline.read_text(encoding="utf-8"), encoding="utf-8")
    capsys.readouterr()
    assert main(["check", f"baseline={baseline}", f"out={out}"]) == 0


@pytest.mark.slow
def test_names_that_the_locale_cannot_write(tmp_path: Path) -> None:
    """Results, suite and label of letters that the C locale lacks: run, report, and one JSON document."""
    out = tmp_path / "Ergebnisse für é"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in ([*RUN, f"out={out}", "--json"], ["report", str(out), "format=md,csv,html"]):
        done = subprocess.run(
            [sys.executable, "-m", "refbench", *words], capture_output=True, env=environment, timeout=300
        )
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        if "--json" in words:
            assert json.loads(done.stdout)["cells"]
    assert len(list(out.glob("*/samples.jsonl"))) == 1
