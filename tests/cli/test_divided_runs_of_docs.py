"""The job array and the CI matrix of docs/, carried out with a cheap method."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from refbench.cli.main import main
from refbench.results.cells import load_cells

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"


def test_the_job_array_covers_the_run(tmp_path: Path) -> None:
    out = tmp_path / "study"
    settings = ["method=bicubic", "suite=cufed5", "limit=3", "device=cpu", "images=none", f"out={out}"]
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for task in (1, 2):
        scheduler = {"SLURM_ARRAY_TASK_ID": f"{task}", "SLURM_ARRAY_TASK_COUNT": "2"}
        done = subprocess.run(
            ["bash", str(DOCS / "slurm-array.sh"), *settings],
            env={**os.environ, **scheduler, "PATH": tools},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"shard {task}/2:" in done.stdout
        assert "MLflow" not in done.stdout
    assert main(["merge", str(out)]) == 0
    (cell,) = load_cells([out]).cells
    assert (cell.trials, cell.partial) == (3, "")


def test_the_matrix_covers_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = yaml.safe_load((DOCS / "github-shards.yml").read_text(encoding="utf-8"))
    score, join = workflow["jobs"]["score"], workflow["jobs"]["merge"]
    commands = {s["name"]: s["run"] for job in (score, join) for s in job["steps"] if "run" in s}
    monkeypatch.chdir(tmp_path)
    for shard in score["strategy"]["matrix"]["shard"]:
        text = commands["score"].replace("$METHOD", "bicubic").replace("${{ matrix.shard }}", f"{shard}")
        words = shlex.split(text.replace("suite=cufed5_jitter", "suite=cufed5"))
        assert f"shard={shard}/4" in words
        # the artifact of one machine becomes a folder of another
        words = [f"out=shards/shard-{shard}" if word == "out=results" else word for word in words]
        assert main([*words[1:], "limit=5", "images=none"]) == 0
    assert main(shlex.split(commands["merge"])[1:]) == 0
    assert main(shlex.split(commands["report"])[1:]) == 0
    (cell,) = load_cells([Path("results")]).cells
    assert (cell.trials, cell.partial) == (5, "")
