"""refbench new method NAME on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbench.cli.main import main


def test_writes_a_skeleton_and_says_what_to_type_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "method", "sharp", f"out={tmp_path}"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert f"wrote {tmp_path}/sharp/sharp.py" in out
    assert out[-2] == f"  refbench verify method={tmp_path}/sharp/sharp.py:SPEC"
    assert (tmp_path / "sharp" / "pyproject.toml").is_file()


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "method", "sharp", f"out={tmp_path}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == str(tmp_path / "sharp")
    assert f"{tmp_path}/sharp/README.md" in document["files"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["method"], "takes a kind and a name"),
        (["methd", "sharp"], "no kind of plugin 'methd'; did you mean 'method'?"),
        (["method", "datsr"], "a method of this name exists already"),
        (["method", "Sharp"], "use lower-case letters"),
    ],
)
def test_errors_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
