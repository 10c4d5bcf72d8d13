"""Runs that are killed while MLflow's database is made for the first time, and run again.

``REFBENCH_MIRROR_KILLS=20`` sets the rounds.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from refbench.auditing.audit import audit
from refbench.cli.main import main
from refbench.registry import Registry
from refbench.store import load_run

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("REFBENCH_MIRROR_KILLS", "2"))
LONGEST = 8.0
"""Seconds from the lock on: importing MLflow, making the database and writing the first runs."""


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, chaos_world: ModuleType) -> list[str]:
    data = chaos_world.make_pairs(tmp_path_factory.mktemp("mirror") / "pairs", ("a", "b"))
    more = ["against=none", "device=cpu", "threads=1", "--plain"]
    return ["run", "method=bicubic", "suite=pairs", f"data.root={data}", *more]


def left(out: Path) -> dict[str, tuple[Any, ...]]:
    """Sample -> its result, with the bytes of its image. Each row once."""
    (manifest,) = out.glob("*/manifest.json")
    rows = load_run(manifest.parent).rows
    assert len({row.key for row in rows}) == len(rows)
    return {
        r.sample_id: (r.status, dict(r.metrics), (manifest.parent / str(r.image)).read_bytes()) for r in rows
    }


@pytest.fixture(scope="module")
def expected(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    """What a run without a mirror leaves."""
    out = tmp_path_factory.mktemp("calm")
    assert main([*words, "tracking=none", f"out={out}"]) == 0
    return left(out)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_kill_during_the_first_start_never_disables_the_mirror(
    seed: int, words: list[str], expected: dict[str, tuple[Any, ...]], tmp_path: Path,
    zygote: Any, processes: ModuleType, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """SIGKILL at a random moment of making the database and of writing the first runs into it."""
    out = tmp_path / "out"
    run = processes.Run(zygote, tmp_path / "runs", argv=[*words, f"out={out}"])
    processes.until(lambda: (out / ".mlflow.lock").exists() or not run.running(), "the mirror to begin")
    time.sleep(Random(seed).uniform(0, LONGEST))
    run.kill(signal.SIGKILL)
    assert run.wait() in (0, -signal.SIGKILL), run.text()
    ids = []
    for _ in range(2):
        capsys.readouterr()
        assert main([*words, f"out={out}"]) == 0
        shown = capsys.readouterr()
        (line,) = (line for line in shown.out.splitlines() if line.startswith("MLflow  run "))
        ids.append(line.split()[2])
        assert "mlflow.db" not in shown.err
        assert "warning" not in shown.err.lower()
    assert ids[0] == ids[1]
    assert left(out) == expected
    found = audit([out], Registry.discover())
    assert found.exit_code == 0, [c.line() for cell in found.cells for c in cell.contradictions]
    assert all({"digest", "summary", "images"} <= set(cell.checked) for cell in found.cells)
