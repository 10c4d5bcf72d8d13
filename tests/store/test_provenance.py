"""Provenance names what matters and leaks nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from refbench.store.provenance import git_state, new_session, package_versions


def test_a_session_is_plain_json_and_holds_only_allowed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "hunter2-a")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2-b")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    argv = ["run", "tracking.uri=https://me:hunter2-c@host/x", "method.api_key=hunter2-d", "seed=1"]
    session = new_session(argv, device="cpu", threads=2)
    text = json.dumps(session)
    assert "hunter2" not in text
    assert session["environment"]["OMP_NUM_THREADS"] == "3"
    assert session["command"] == ["run", "tracking.uri=https://***@host/x", "method.api_key=***", "seed=1"]
    assert (session["device"], session["threads"]) == ("cpu", 2)
    assert session["started"].endswith("+00:00")


def test_versions_come_from_metadata_and_absent_packages_are_left_out() -> None:
    assert set(package_versions(("numpy", "no-such-package-anywhere"))) == {"numpy"}


def test_the_commit_of_a_checkout_but_not_of_a_project_around_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    package = tmp_path / "refbench"
    package.mkdir()
    (package / "a.py").write_text("x = 1\n")
    (tmp_path / "pyproject.toml").write_text("")
    assert git_state(package) is None
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    assert git_state(package) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (package / "a.py").write_text("x = 2\n")
    assert git_state(package) == {"commit": git("rev-parse", "HEAD"), "dirty": True}
    installed = tmp_path / "venv/site-packages/refbench"
    installed.mkdir(parents=True)
    assert git_state(installed) is None
