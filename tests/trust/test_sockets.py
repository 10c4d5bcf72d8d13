"""No command listens or talks to anybody: seen by Python's own audit of every socket call, in every process.

``sitecustomize`` installs the audit, so that worker processes are watched too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

pytestmark = pytest.mark.slow

AUDIT = """
import os, sys
def watch(event, arguments):
    if event in ("socket.bind", "socket.connect", "socket.sendto", "socket.getaddrinfo"):
        address = arguments[1] if event != "socket.getaddrinfo" else arguments[0]
        with open(os.environ["SOCKET_LOG"], "a") as log:
            log.write(f"{event} {address!r}\\n")
sys.addaudithook(watch)
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python process writes down its socket calls."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "sitecustomize.py").write_text(AUDIT)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "audit"), "SOCKET_LOG": str(tmp_path / "sockets.log")}


def addresses(watched: dict[str, str]) -> list[str]:
    """Addresses of the network; sockets of the file system (between processes) do not count."""
    log = Path(watched["SOCKET_LOG"])
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if "(" in line or line.startswith("socket.getaddrinfo")]


def refbench(watched: dict[str, str], *words: str) -> None:
    command = [sys.executable, "-m", "refbench", *words]
    done = subprocess.run(command, env=watched, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    for folder in ("input", "ref"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for name in ("a", "b"):
            PILImage.fromarray(pixels).save(tmp_path / "data" / folder / f"{name}.png")
    return tmp_path / "data"


@pytest.mark.parametrize("tracking", ["none", "mlflow"])
def test_run_and_report_talk_to_nobody(
    watched: dict[str, str], data: Path, tmp_path: Path, tracking: str
) -> None:
    results = f"out={tmp_path / 'results'}"
    common = ["run", "method=bicubic", "suite=pairs", f"data.root={data}", results, "--plain"]
    refbench(watched, *common, f"tracking={tracking}")
    if tracking == "mlflow":
        # urllib3 binds, and closes, a port of loopback to see whether this machine has IPv6
        assert [line for line in addresses(watched) if line != "socket.bind ('::1', 0)"] == []
        return
    refbench(watched, *common, "tracking=none", "executor=local", "executor.workers=2", "seed=1")
    refbench(watched, "report", results, "format=md,latex,csv,html,json")
    assert addresses(watched) == []


def test_the_audit_sees_a_socket(watched: dict[str, str]) -> None:
    """The other side: a listening socket would be noticed."""
    code = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()"
    subprocess.run([sys.executable, "-c", code], env=watched, check=True)
    assert addresses(watched) == ["socket.bind ('127.0.0.1', 0)"]
