"""docs/github-leaderboard.yml, step by step: its commands are carried out in a repository of bundles."""

from __future__ import annotations

import glob
import json
import shlex
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from refbench.cli.main import main

FILE = Path(__file__).parents[2] / "docs" / "github-leaderboard.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true
    assert set(document) == {"name", True, "permissions", "env", "concurrency", "jobs"}
    return document


def commands(workflow: dict[str, Any], job: str) -> dict[str, str]:
    return {step["name"]: step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step}


def carry_out(line: str, capsys: pytest.CaptureFixture[str]) -> int:
    """One line of the workflow: globs, ``> file`` and ``|| true`` as the shell reads them."""
    line, _, otherwise = line.partition("||")
    line, _, into = line.partition(">")
    words = [name for word in shlex.split(line) for name in (sorted(glob.glob(word)) or [word])]
    assert words[0] == "refbench"
    capsys.readouterr()
    code = main(words[1:])
    if into.strip():
        Path(into.strip()).write_text(capsys.readouterr().out)
    return 0 if otherwise.strip() == "true" else code


@pytest.mark.slow
def test_a_bundle_is_audited_and_shown(
    workflow: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    audit, site = commands(workflow, "audit"), commands(workflow, "site")
    assert list(audit) == ["install", "audit", "summary"]
    assert list(site) == ["install", "audit", "site"]
    Path("bundles").mkdir()
    words = [
        "run",
        "method=bicubic",
        "suite=cufed5",
        "limit=2",
        "device=cpu",
        "tracking=none",
        "out=r",
        "--plain",
    ]
    assert main(words) == 0
    assert main(["export", "r", "out=bundles/kim-bicubic.zip"]) == 0

    assert carry_out(audit["audit"], capsys) == 0
    assert "bicubic" in Path("audit.md").read_text()
    assert "audit.md" in audit["summary"]
    assert carry_out(site["audit"], capsys) == 0
    assert carry_out(site["site"], capsys) == 0
    data = json.loads(Path("site/data.json").read_text())
    assert [cell["provenance"]["audit"] for cell in data["cells"]] == ["re-scored"]
    (deployed,) = [
        step for step in workflow["jobs"]["site"]["steps"] if "pages-artifact" in str(step.get("uses"))
    ]
    assert Path(deployed["with"]["path"], "index.html").is_file()

    forge("bundles/kim-bicubic.zip")
    assert carry_out(audit["audit"], capsys) == 1
    assert carry_out(site["audit"], capsys) == 0
    assert carry_out(site["site"], capsys) == 0
    data = json.loads(Path("site/data.json").read_text())
    assert [cell["provenance"]["audit"] for cell in data["cells"]] == ["contradicted"]
    assert 'class="audit contradicted"' in next(Path("site/suites").glob("*.html")).read_text()


def forge(bundle: str) -> None:
    """Three dB more in one row."""
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (rows,) = [name for name in members if name.endswith("samples.jsonl")]
    lines = members[rows].splitlines()
    row = json.loads(lines[0])
    signature = next(iter(row["metrics"]))
    row["metrics"][signature] += 3
    members[rows] = b"\n".join([json.dumps(row).encode(), *lines[1:]]) + b"\n"
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_nothing_of_a_pull_request_is_carried_out(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    steps = workflow["jobs"]["audit"]["steps"]
    assert "permissions" not in workflow["jobs"]["audit"]
    assert steps[0]["with"]["persist-credentials"] is False
    for step in steps:
        assert "${{" not in step.get("run", ""), "a name of the pull request would be a command"
        assert "rerun=" not in step.get("run", "")
