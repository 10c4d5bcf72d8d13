"""Real runs as processes of their own, started by the zygote, watched and killed from here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 120.0
"""Seconds: a shared machine may be slow, and nothing waits longer than it must."""


class Zygote:
    """The started fork server."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("zygote.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._answer() == "ready"

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ask(self, order: dict[str, Any]) -> Any:
        """Give an order and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the server; the runs that it started must have ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        # it has nothing to put in order, and unloading everything takes a while
        self._process.kill()
        self._process.wait()


class Run:
    """One run: a study of the chaos world, or a command line."""

    def __init__(self, zygote: Zygote, folder: Path, **order: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._zygote = zygote
        number = len(list(folder.iterdir()))
        self.log = folder / f"log{number}"
        self.said_path = folder / f"said{number}"
        self.pid: int = zygote.ask({**order, "log": str(self.log), "said": str(self.said_path)})
        self._code: int | None = None

    def said(self) -> list[tuple[str, str, int, str]]:
        """(run key, sample id, draw, status) of rows said to be on disk."""
        if not self.said_path.exists():
            return []
        lines = self.said_path.read_text().splitlines(keepends=True)
        return [tuple(json.loads(line)) for line in lines if line.endswith("\n")]

    def text(self) -> str:
        """What it printed."""
        return self.log.read_text()

    def children(self) -> list[int]:
        """Process ids of its children, as far as the system tells."""
        try:
            return [int(p) for p in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except OSError:
            return []

    def kill(self, number: int) -> None:
        """Send a signal; the process may have ended already (its parent has not yet asked)."""
        os.kill(self.pid, number)

    def running(self) -> bool:
        """Whether the process is still at work."""
        return alive(self.pid)

    def wait(self) -> int:
        """Wait for the end; the exit code, negative for a signal."""
        if self._code is None:
            until(lambda: not self.running(), "the run to end")
            self._code = int(self._zygote.ask({"wait": self.pid}))
        return self._code


def alive(pid: int) -> bool:
    """False for processes that are gone, or dead and not yet collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def until(true: Callable[[], object], what: str) -> None:
    """Wait until ``true``; AssertionError naming ``what`` when it takes longer than :data:`PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s for {what}"
        time.sleep(0.003)
