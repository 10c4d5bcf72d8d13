"""Which cells ``run=latest`` means, and what a baseline says about where it was measured."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from refbench.errors import UserError
from refbench.gate.latest import latest
from refbench.gate.stored import provenance
from refbench.results.record import machine
from refbench.store import Manifest
from refbench.store.cell import SUMMARY
from refbench.store.manifest import MANIFEST
from refbench.store.provenance import new_session


def put(out: Path, name: str, started: str = "", finished: str = "", touched: int = 0, **facts: Any) -> Path:
    """A cell folder; ``finished``: when its summary was last made, empty for none."""
    folder = out / name
    folder.mkdir(parents=True)
    values: dict[str, Any] = {
        "run_key": name,
        "method": "datsr",
        "dataset": "cufed5",
        "protocol": "canonical@1",
    }
    sessions = ({"id": name, "started": started},) if started else ()
    manifest = Manifest(**{**values, "compare": {"seed": 0}, "sessions": sessions, **facts})
    (folder / MANIFEST).write_text(json.dumps(manifest.to_dict()))
    if finished:
        (folder / SUMMARY).write_text(json.dumps({"finished": finished}))
        os.utime(folder / SUMMARY, (touched, touched))
    return folder


def test_the_newest_of_each_kind(tmp_path: Path) -> None:
    put(tmp_path, "old", "2026-01-01T10:00:00", "2026-01-01T10:05:00")
    new = put(tmp_path, "new", "2026-01-02T10:00:00", "2026-01-02T10:05:00")
    kinds = [
        put(tmp_path, "other-weights", "2025-01-01", weights="gan"),
        put(tmp_path, "other-seed", "2025-01-01", compare={"seed": 1}),
        put(tmp_path, "other-method", "2025-01-01", method="ttsr"),
    ]
    found = latest(tmp_path)
    assert set(found.folders) == {new, *kinds}
    assert found.passed_over == ("datsr on , canonical@1: new is the latest; older, left out: old",)


def test_a_cell_whose_rows_were_reused_is_newest_again(tmp_path: Path) -> None:
    back = put(tmp_path, "a", "2026-01-01T10:00:00", "2026-01-03T10:00:00")
    put(tmp_path, "b", "2026-01-02T10:00:00", "2026-01-02T10:05:00")
    assert latest(tmp_path).folders == (back,)


def test_an_interrupted_cell_counts_from_its_start(tmp_path: Path) -> None:
    put(tmp_path, "a", "2026-01-01T10:00:00", "2026-01-01T10:05:00")
    running = put(tmp_path, "b", "2026-01-02T10:00:00")
    assert latest(tmp_path).folders == (running,)


def test_within_one_second_the_file_time_decides(tmp_path: Path) -> None:
    same = ("2026-01-01T10:00:00", "2026-01-01T10:00:01")
    first = put(tmp_path, "b", *same, touched=2_000)
    put(tmp_path, "a", *same, touched=1_000)
    assert latest(tmp_path).folders == (first,)


def test_one_cell_folder_is_its_own_latest(tmp_path: Path) -> None:
    folder = put(tmp_path, "a", "2026-01-01")
    assert latest(folder).folders == (folder,)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no runs"):
        latest(tmp_path / "empty")


def session(**facts: Any) -> dict[str, Any]:
    base = {
        "cpu": "Fast 9000",
        "cpus": 8,
        "threads": None,
        "started": "2026-01-01",
        "packages": {"torch": "2.14"},
    }
    return {**base, **facts}


def test_machine_is_processor_device_and_threads() -> None:
    assert machine([session(threads=4)], ["cpu"]) == {
        "cpu": "Fast 9000, 8 cores", "device": "cpu", "threads": "4",
    }  # fmt: skip
    assert machine([session(environment={"OMP_NUM_THREADS": "1"})], ["cpu"])["threads"] == "1"
    resumed_elsewhere = machine([session(), session(cpu="Slow 1")], ["cpu"])
    assert resumed_elsewhere["cpu"] == "Fast 9000, 8 cores + Slow 1, 8 cores"
    assert resumed_elsewhere["threads"] == "all"
    assert machine([], []) == {}


def test_provenance_joins_what_differs_and_names_no_folder() -> None:
    sessions = (
        session(command=["/home/me/.venv/bin/refbench", "run", "method=datsr"], git=None),
        session(
            command=["refbench", "run", "method=datsr"],
            started="2026-01-02",
            packages={"torch": "2.15"},
            git={"commit": "a" * 40, "dirty": True},
        ),
    )
    manifest = Manifest(run_key="k", method="m", dataset="d", protocol="p", sessions=sessions)
    assert provenance([manifest]) == {
        "torch": "2.14 + 2.15",
        "refbench commit": "aaaaaaaaaaaa with changes",
        "command": "refbench run method=datsr",
        "started": "2026-01-02",
    }


def test_provenance_names_the_users_repository_and_a_gpu_by_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "method.py").write_text("1")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    below = tmp_path / "deep" / "er"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    session = new_session([], device="cpu")
    assert session["project"] == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    assert session["gpu"] is None
    (tmp_path / "method.py").write_text("2")
    assert new_session([], device="cpu")["project"]["dirty"] is True
    session = {**session, "gpu": {"name": "Card 9000"}, "cpu": "Fast"}
    assert machine([session], ["cuda:1"])["device"] == "Card 9000"
    assert machine([{**session, "gpu": None}], ["cpu"])["device"] == "cpu"
