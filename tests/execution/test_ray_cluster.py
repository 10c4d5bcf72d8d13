"""The Ray executor on a real cluster of two nodes on this machine: a lost node, dead, hung and bad workers.

The cluster lives for this file only; it listens on the loopback interface and keeps 80 MB a node.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from refbench.auditing.audit import audit
from refbench.config.load import load_run
from refbench.errors import UserError
from refbench.execution.executor import Executor
from refbench.execution.ray.cluster import OWN_CLUSTER
from refbench.execution.ray.executor import RayExecutor
from refbench.execution.ray.options import RayOptions
from refbench.execution.runner import RunOutcome, carry_out
from refbench.execution.serial import SerialExecutor
from refbench.plan.planner import Planner
from refbench.registry import Registry
from refbench.store import SampleRow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the package ray is not installed"),
]

PLUGIN = """
import os, signal, tempfile, time
from pathlib import Path
from refbench.specs import MethodSpec, Param

SPEC = MethodSpec("moody", ":Moody", uses_reference=False, reads_files=True,
                  params={"mood": Param("", ""), "dir": Param("", "")})

class Moody:
    def __init__(self, weights, device, mood="", dir=""):
        if mood == "broken":
            from refbench.errors import UserError
            raise UserError("moody.pth: the file is empty")
        self.mood, self.dir = mood, Path(dir)
        with (self.dir / f"loaded-{os.getpid()}").open("a") as log:
            log.write("loaded ")

    def __call__(self, inp):
        marker = self.dir / (inp.sample_id + ".seen")
        if inp.sample_id == "b" and (self.mood.endswith("always") or not marker.exists()):
            marker.touch()
            if self.mood.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if self.mood.startswith("hang"):
                time.sleep(600)
        if self.mood == "slow":
            # until both workers are there; a lost one leaves its file behind
            late = time.monotonic() + 300
            while len(list(self.dir.glob("loaded-*"))) < 2 and time.monotonic() < late:
                time.sleep(0.1)
            begun = self.dir / f"begun-{os.getpid()}"
            begun.touch()
            time.sleep(0.4)
            begun.unlink()
        if self.mood == "look":
            sent = sorted(Path(tempfile.gettempdir()).glob("refbench-*/data/0/input/*.png"))
            (self.dir / "sent").write_text(" ".join(path.name for path in sent))
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""

NODE = {
    "num_cpus": 1,
    "object_store_memory": 80 * 2**20,
    "include_dashboard": False,
    "include_log_monitor": False,
}
PATIENCE = 300.0
"""Seconds, for a machine that is busy with other things."""
DEAD_AFTER = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 5,
}
"""So that a lost node is noticed in seconds; Ray's own settings take a quarter of a minute."""


class Hook:
    """A progress display that does something at each result."""

    def __init__(self, at_result: Any = None) -> None:
        self.at_result = at_result
        self.rows: list[SampleRow] = []

    def start(self, *_: Any) -> None: ...

    def result(self, cell: Any, row: SampleRow) -> None:
        self.rows.append(row)
        if self.at_result is not None:
            self.at_result()

    def stop(self) -> None: ...


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in OWN_CLUSTER.items():
            patch.setenv(name, value)
        cluster_utils = importlib.import_module("ray.cluster_utils")
        cluster = cluster_utils.Cluster(
            initialize_head=True, head_node_args={**NODE, "no_monitor": True, "_system_config": DEAD_AFTER}
        )
        yield cluster
        cluster.shutdown()


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "moody.py").write_text(PLUGIN)
    rng = np.random.default_rng(0)
    for part in ("input", "ref"):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for name in "abcdef":
            pixels = rng.integers(0, 256, (32, 36, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(tmp_path / "pairs" / part / f"{name}.png")
    return [
        f"method={tmp_path}/moody.py:SPEC",
        f"method.dir={tmp_path}",
        "suite=pairs",
        f"data.root={tmp_path}/pairs",
        "against=none",
        "tracking=none",
        "device=cpu",
    ]


def on(cluster: Any, **options: Any) -> RayExecutor:
    return RayExecutor(RayOptions(address=cluster.address, **options))


def execute(words: list[str], out: Path, executor: Executor, hook: Hook | None = None) -> RunOutcome:
    registry = Registry.discover()
    (config,) = load_run([*words, f"out={out}"], registry=registry)
    return carry_out(Planner(registry).plan([config]), config, executor, hook or Hook())


def rows(outcome: RunOutcome) -> list[dict[str, Any]]:
    """Every ok row of the run without what each process measures for itself, and its image's bytes."""
    measured = ("seconds", "stages", "peak_mb", "attempts", "work")
    found = []
    for folder in outcome.folders.values():
        for line in (folder / "samples.jsonl").read_text().splitlines():
            row = SampleRow.from_json(line)
            if not row.ok:
                continue
            kept = {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name not in measured}
            assert row.image is not None
            found.append({**kept, "image": (folder / row.image).read_bytes()})
    return sorted(found, key=lambda row: row["sample_id"])


def loads(tmp_path: Path) -> list[str]:
    return [log.read_text() for log in tmp_path.glob("loaded-*")]


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def signal_all(workers: Mapping[int, Sequence[int]], number: signal.Signals) -> None:
    for pid in (pid for own in workers.values() for pid in own):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_node_lost_in_the_middle_costs_no_row(cluster: Any, words: list[str], tmp_path: Path) -> None:
    serial = execute(words, tmp_path / "serial", SerialExecutor())
    for log in tmp_path.glob("loaded-*"):
        log.unlink()
    node = cluster.add_node(**NODE)
    raylet = node.all_processes["raylet"][0].process.pid
    lost: list[int] = []

    def lose_the_node() -> None:
        if lost:
            return
        # a worker and the process of its own that its method has
        workers = {pid: [pid, *children(pid)] for pid in children(raylet)}
        # stopped, a trial that has begun cannot end before its node is gone
        signal_all(workers, signal.SIGSTOP)
        lost.extend(
            pid for pid, own in workers.items() if any((tmp_path / f"begun-{p}").exists() for p in own)
        )
        signal_all(workers, signal.SIGKILL if lost else signal.SIGCONT)
        if lost:
            cluster.remove_node(node, allow_graceful=False)

    hook = Hook(lose_the_node)
    ids = [*"abcdef"]
    outcome = execute([*words, "method.mood=slow"], tmp_path / "ray", on(cluster, retries=1), hook)
    assert len(lost) == 1
    assert sorted(row.sample_id for row in hook.rows) == ids
    assert outcome.errors == 0
    assert [row.attempts for row in hook.rows].count(2) == 1
    assert rows(outcome) == rows(serial)
    # one worker on each node, and perhaps another instead of the lost one
    assert len(loads(tmp_path)) in (2, 3)
    assert set(loads(tmp_path)) == {"loaded "}


def test_a_killed_worker_costs_no_row(cluster: Any, words: list[str], tmp_path: Path) -> None:
    hook = Hook()
    outcome = execute([*words, "method.mood=kill"], tmp_path / "o", on(cluster), hook)
    assert outcome.errors == 0
    tries = sorted((row.sample_id, row.attempts, row.error_kind) for row in hook.rows)
    assert tries[:4] == [("a", 1, ""), ("b", 1, "killed"), ("b", 2, ""), ("c", 1, "")]
    serial = execute([*words, "method.mood=kill"], tmp_path / "serial", SerialExecutor())
    assert rows(outcome) == rows(serial)
    # somebody who checks both finds them true and, but for times and attempts, the same
    checked = [audit([tmp_path / name], Registry.discover()) for name in ("o", "serial")]
    assert [result.exit_code for result in checked] == [0, 0]
    assert [cell.verdict for result in checked for cell in result.cells] == ["re-scored"] * 2
    assert checked[0].cells[0].digest == checked[1].cells[0].digest


def test_a_hung_trial_is_ended_and_tried_again(cluster: Any, words: list[str], tmp_path: Path) -> None:
    hook = Hook()
    outcome = execute([*words, "method.mood=hang"], tmp_path / "o", on(cluster, timeout=8), hook)
    assert outcome.errors == 0
    (row,) = [row for row in hook.rows if row.sample_id == "b"]
    assert row.attempts >= 2


def test_shipped_data_is_on_the_node_for_the_run_only(cluster: Any, words: list[str], tmp_path: Path) -> None:
    outcome = execute([*words, "method.mood=look"], tmp_path / "o", on(cluster, ship="data"))
    assert outcome.errors == 0
    assert (tmp_path / "sent").read_text() == "a.png b.png c.png d.png e.png f.png"
    assert list(Path(tempfile.gettempdir()).glob("refbench-*/data/0/input/a.png")) == []


def test_a_method_that_cannot_load_stops_the_run_with_its_line(
    cluster: Any, words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"moody\.pth: the file is empty"):
        execute([*words, "method.mood=broken"], tmp_path / "o", on(cluster))


def test_claims_that_no_node_can_meet(cluster: Any, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no node has executor\.num_cpus=1 and executor\.num_gpus=1; the Ray"
    ):
        execute(words, tmp_path / "o", on(cluster, num_gpus=1.0))
    with pytest.raises(
        UserError, match=r"no worker of 9 CPUs has started on the Ray cluster at .* within 2 s"
    ):
        execute(words, tmp_path / "o", on(cluster, num_cpus=9.0, workers=1, start_timeout=2.0))


def test_an_address_where_nothing_answers(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        execute(words, tmp_path / "o", RayExecutor(RayOptions(address="127.0.0.1:1")))
    assert str(caught.value).startswith(
        "executor.address=127.0.0.1:1: nothing answers there (Connection refused)"
    )


def test_the_head_lost_in_the_middle_is_one_line_and_a_rerun_equals_an_undisturbed_run(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, because Ray's library ends the process that it was connected in."""
    for name, value in OWN_CLUSTER.items():
        monkeypatch.setenv(name, value)
    ray = importlib.import_module("ray.cluster_utils")
    cluster = ray.Cluster(initialize_head=True, head_node_args={**NODE, "no_monitor": True})
    address, out, ids = cluster.address, tmp_path / "ray", {*"abcdef"}
    run_it = [sys.executable, "-m", "refbench", "run", *words, "method.mood=hang", f"out={out}", "--plain"]
    try:
        with (tmp_path / "said").open("w") as said:
            run = subprocess.Popen(
                [*run_it, "executor=ray", f"executor.address={address}"],
                stdout=said, stderr=said, cwd=tmp_path,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE
        # its second trial hangs, the first time
        while run.poll() is None and not (tmp_path / "b.seen").exists() and time.monotonic() < until:
            time.sleep(0.05)
        before = finished(out)
        for kind in ("gcs_server", "raylet"):
            os.kill(cluster.head_node.all_processes[kind][0].process.pid, signal.SIGKILL)
        assert run.wait(PATIENCE) == 2, (tmp_path / "said").read_text()
    finally:
        cluster.shutdown()
    last = (tmp_path / "said").read_text().splitlines()[-1]
    assert last.startswith(f"refbench: executor=ray: the Ray cluster at {address} is lost: ")
    assert last.endswith("; start the cluster again, and the same command goes on from there")
    assert before
    assert before <= finished(out) < ids
    again = execute([*words, "method.mood=hang"], out, SerialExecutor())
    assert again.reused >= len(before)
    assert rows(again) == rows(execute([*words, "method.mood=hang"], tmp_path / "calm", SerialExecutor()))


def finished(out: Path) -> set[str]:
    """Sample ids of rows on disk."""
    lines = [line for file in out.glob("*/samples.jsonl") for line in file.read_text().splitlines()]
    return {SampleRow.from_json(line).sample_id for line in lines}
