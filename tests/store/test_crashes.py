"""Kills, torn lines and several writers, with real processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbench.store import CellStore, Manifest, SampleRow, load_run
from refbench.store.linelog import LineLog, read_lines

KEY = "cd" * 32
MANIFEST = Manifest(run_key=KEY, method="toy", dataset="tiny", protocol="canonical@1")

WRITER = """
import sys
from pathlib import Path
from refbench.store import CellStore, Manifest, SampleRow
out, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
manifest = Manifest(run_key="cd" * 32, method="toy", dataset="tiny", protocol="canonical@1",
                    sessions=({"id": sys.argv[2]},))
store = CellStore.open(out, manifest.run_key, manifest)
for key in store.pending([(str(i), 0) for i in range(first, last)]):
    image = store.write_image(*key, b"x" * 3000)
    store.append(SampleRow(*key, metrics={"m|v1": float(key[0])}, notes={"pad": "p" * 500}, image=image))
    print(key[0], flush=True)
store.close()
"""


def start(out: Path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(out), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_kill_9_then_the_same_command_leaves_each_row_once(tmp_path: Path) -> None:
    count, rng = 400, random.Random(0)
    acknowledged: set[str] = set()
    for _ in range(4):
        process = start(tmp_path, 0, count)
        assert process.stdout is not None
        for _ in range(rng.randrange(1, 60)):
            acknowledged.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        acknowledged.update(process.stdout.read().split())
        process.wait()
    done = CellStore.peek_completed(tmp_path, KEY)
    assert acknowledged - {""} <= {sample_id for sample_id, _ in done}
    assert start(tmp_path, 0, count).wait() == 0
    run = load_run(tmp_path / KEY[:20])
    assert run.problems == ()
    assert {row.sample_id: row.metrics["m|v1"] for row in run.rows} == {
        str(i): float(i) for i in range(count)
    }
    assert len((run.path / "samples.jsonl").read_bytes().splitlines()) == count
    assert all((run.path / str(row.image)).stat().st_size == 3000 for row in run.rows)


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    # overlapping halves, as two shards or the same command started twice would have
    processes = [start(tmp_path, 0, 250), start(tmp_path, 150, 400)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    run = load_run(tmp_path / KEY[:20])
    assert run.problems == ()
    assert {row.sample_id: row.metrics["m|v1"] for row in run.rows} == {str(i): float(i) for i in range(400)}
    assert {session["id"] for session in run.manifest.sessions} == {"0", "150"}


def test_a_line_cut_at_any_byte_is_dropped_and_the_rest_kept(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    with CellStore.open(whole, KEY, MANIFEST) as store:
        for name in ("a", "b"):
            store.append(SampleRow(name))
    data = (store.folder / "samples.jsonl").read_bytes()
    second = data.index(b"\n") + 1
    for cut in range(second, len(data)):
        folder = tmp_path / f"cut{cut}"
        store = CellStore.open(folder, KEY, MANIFEST)
        (store.folder / "samples.jsonl").write_bytes(data[:cut])
        # a reader ignores the part, the next writer cuts it away
        assert store.completed() == {("a", 0)}
        store.append(SampleRow("c"))
        assert store.completed() == {("a", 0), ("c", 0)}
        assert store.problems == []
        store.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("ab{}\"'", min_size=1, max_size=30), max_size=6),
    st.integers(0, 250),
    st.binary(max_size=3),
)
def test_any_prefix_of_a_log_can_be_appended_to(
    tmp_path_factory: pytest.TempPathFactory, records: list[str], cut: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = LineLog(folder, "x")
    for record in records:
        log.append(record)
    log.close()
    whole = "".join(r + "\n" for r in records).encode()
    part = whole[:cut] + junk.replace(b"\n", b"")
    (folder / "x.jsonl").write_bytes(part)
    log = LineLog(folder, "x")
    log.append("last")
    log.close()
    kept = part[: part.rfind(b"\n") + 1].splitlines()
    assert [line.data for line in read_lines(folder, "x")] == [*kept, b"last"]


def test_a_torn_line_longer_than_one_read_is_cut(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"first\n" + b"z" * 200_000)
    log = LineLog(tmp_path, "x")
    log.append("second")
    log.close()
    assert (tmp_path / "x.jsonl").read_bytes() == b"first\nsecond\n"
    (tmp_path / "x.jsonl").write_bytes(b"z" * 200_000)
    log = LineLog(tmp_path, "x")
    log.append("second")
    log.close()
    assert (tmp_path / "x.jsonl").read_bytes() == b"second\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_that_outlives_its_parent_stops_nobody(tmp_path: Path) -> None:
    """Locks are inherited over fork: the next run then writes to another file, and rows are merged."""
    code = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from refbench.store.linelog import LineLog\n"
        "log = LineLog(Path(sys.argv[1]), 'samples')\n"
        'log.append(\'{"sample_id":"a"}\')\n'
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.close(1)\n"
        "    time.sleep(60)\n"
        "    os._exit(0)\n"
        "print(child, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    child = int(done.stdout)
    try:
        log = LineLog(tmp_path, "samples")
        assert log.path.name == "samples.2.jsonl"
        log.append('{"sample_id":"b"}')
        log.close()
    finally:
        os.kill(child, signal.SIGKILL)
    assert [line.data for line in read_lines(tmp_path, "samples")] == [
        b'{"sample_id":"a"}',
        b'{"sample_id":"b"}',
    ]


def test_a_full_file_system_keeps_what_fitted(tmp_path: Path) -> None:
    """A real ENOSPC, where this machine lets us mount a small tmpfs."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a tmpfs here")
    try:
        process = start(tmp_path, 0, 500)
        assert process.stdout is not None
        written = process.stdout.read().split()
        assert process.wait() == 1
        assert 0 < len(written) < 500
        assert CellStore.peek_completed(tmp_path, KEY) == {(name, 0) for name in written}
        assert load_run(tmp_path / KEY[:20]).problems == ()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
