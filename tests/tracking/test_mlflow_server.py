"""The mirror against real MLflow servers on loopback."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.main import main
from refbench.metrics import METRICS, metric_facts
from refbench.store import CellStore, Manifest, SampleRow
from refbench.tracking import CellRunInfo, SuiteRunInfo
from refbench.tracking.mlflow_mirror import publish

pytestmark = pytest.mark.slow

SUITE = SuiteRunInfo("jitter", "cufed5", "cufed5-sample", "f00d")


def make_cell(out: Path) -> CellRunInfo:
    key = "a" * 64
    spec = next(spec for spec in METRICS if spec.alias == "psnr_y")
    manifest = Manifest(
        run_key=key, method="toy", dataset="cufed5", protocol="p@1", metrics=metric_facts([spec])
    )
    with CellStore.open(out, key, manifest) as store:
        store.append(SampleRow("0", metrics={spec.signature: 27.0}))
    return CellRunInfo(
        key, store.folder, "toy", "toy (compact)", "compact", "cufed5", "cufed5-sample", "p@1",
        metrics={"psnr_y": 27.5},
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def serving(arguments: list[str], cwd: Path) -> Iterator[str]:
    """An MLflow server of our own on a free loopback port."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        *arguments,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (cwd / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=cwd, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 600
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (cwd / "server.log").read_text()
                assert time.monotonic() < deadline, "the server did not answer"
                time.sleep(0.3)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=300)


def post(address: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_the_ui_command_shows_the_run(tmp_path: Path) -> None:
    out = tmp_path / "my results"
    result = publish(out, None, SUITE, [make_cell(out)], "| table |")
    assert result.warning is None
    assert result.ui_command is not None
    program, *arguments = shlex.split(result.ui_command)
    assert program == "mlflow"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with serving(arguments, elsewhere) as address:
        runs = post(address, "runs/search", {"experiment_ids": [result.experiment_id]})["runs"]
        kinds = {tag["value"] for run in runs for tag in run["data"]["tags"] if tag["key"] == "kind"}
        assert kinds == {"suite", "cell"}
        with urllib.request.urlopen(f"{address}/", timeout=30) as page:
            assert b"<html" in page.read().lower()
        table = f"{address}/get-artifact?path=table.md&run_uuid={result.run_id}"
        with urllib.request.urlopen(table, timeout=30) as answer:
            assert answer.read() == b"| table |"


def test_a_remote_server_gets_runs_and_artifacts_and_no_duplicates(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    served = tmp_path / "server"
    served.mkdir()
    arguments = [
        "server",
        "--backend-store-uri",
        f"sqlite:///{served}/m.db",
        "--artifacts-destination",
        str(served / "store"),
    ]
    out = tmp_path / "results"
    cell = make_cell(out)
    with serving(arguments, served) as address:
        capfd.readouterr()
        results = [publish(out, address, SUITE, [cell], "| table |") for _ in range(2)]
        assert capfd.readouterr() == ("", "")
        assert [r.warning for r in results] == [None, None]
        assert results[0] == results[1]
        runs = post(address, "runs/search", {"experiment_ids": [results[0].experiment_id]})["runs"]
        # and back: the rows of the server are those of the folder
        words = ["report", f"tracking.uri={address}", "format=csv", f"report.dir={tmp_path / 'report'}"]
        assert main(words) == 0
        fetched = tmp_path / "report" / "rows" / cell.folder.name / "samples.jsonl"
        assert fetched.read_bytes() == (cell.folder / "samples.jsonl").read_bytes()
        assert main([*words, "experiment=nobody's"]) == 2
        assert "no experiment" in capfd.readouterr().err
    assert len(runs) == 2
    rows = next((served / "store").rglob("samples.jsonl"))
    assert rows.read_bytes() == (cell.folder / "samples.jsonl").read_bytes()
    assert not (out / "mlflow.db").exists()
