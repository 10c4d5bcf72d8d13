"""``refbench run executor=ray`` as a person runs it: a cluster of its own, Ctrl-C, nothing left behind."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.store import SampleRow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the package ray is not installed"),
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc"),
]

PLUGIN = """
import time
from refbench.specs import MethodSpec

SPEC = MethodSpec("slow", ":Slow", uses_reference=False, reads_files=True)

class Slow:
    def __init__(self, weights, device): ...

    def __call__(self, inp):
        print("a method's own print", flush=True)
        time.sleep(600 if inp.sample_id == "c" else 0)
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""
LISTENS = "0A"
PATIENCE = 300.0
"""Seconds, for a machine that is busy with other things."""


def parents() -> dict[int, int]:
    """Process id -> id of its parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def descendants(pid: int) -> set[int]:
    found, known = {pid}, parents()
    while more := {child for child, parent in known.items() if parent in found} - found:
        found |= more
    return found


def observing(pids: set[int]) -> set[str]:
    """Local addresses, as the kernel writes them, on which these processes accept connections."""
    sockets = set()
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(os.readlink(fd))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].partition(":")[0])
    return found


def test_an_own_cluster_listens_on_loopback_and_ctrl_c_keeps_finished_rows(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(PLUGIN)
    for part in ("input", "ref"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for name in "abc":
            PilImage.fromarray(np.zeros((32, 36, 3), np.uint8)).save(
                tmp_path / "pairs" / part / f"{name}.png"
            )
    command = [shutil.which("refbench", path=str(Path(sys.executable).parent)) or "refbench", "run"]
    command += [
        "method=slow.py:SPEC",
        "suite=pairs",
        "data.root=pairs",
        "against=none",
        "tracking=none",
    ]
    command += ["device=cpu", "executor=ray", "executor.workers=1", "--plain"]
    with (tmp_path / "err").open("w") as err:
        # where Ctrl-C is ignored by inheritance (a background shell) the run would ignore it, too
        run = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=err,
            stderr=err,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        begin = time.monotonic()
        rows: list[str] = []
        while len(rows) < 2 and run.poll() is None and time.monotonic() - begin < PATIENCE:
            time.sleep(0.2)
            rows = [
                line for f in tmp_path.glob("results/*/samples.jsonl") for line in f.read_text().splitlines()
            ]
        assert len(rows) == 2, (tmp_path / "err").read_text()
        family = descendants(run.pid)
        assert observing(family) <= {"0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000"}
        assert observing(family)
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(PATIENCE) == 130
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    said = (tmp_path / "err").read_text().splitlines()
    assert said[0] == "3 images to compute: 1 method, 1 protocol"
    assert said[-1].endswith("interrupted; finished rows are kept, and the same command goes on from there")
    # neither Ray nor a method's prints get into refbench's own display
    ours = ("3 images to compute", "slow", "stopping: finished rows are kept", "refbench: interrupted")
    assert all(line.startswith(ours) for line in said), said
    assert [SampleRow.from_json(row).status for row in rows] == ["ok", "ok"]
    begin = time.monotonic()
    while (
        any(Path(f"/proc/{pid}/cmdline").exists() for pid in family) and time.monotonic() - begin < PATIENCE
    ):
        time.sleep(0.2)
    assert not [pid for pid in family if Path(f"/proc/{pid}/cmdline").exists()]
