"""A cell in a fresh interpreter: nothing of one measurement is left for the next, and a death is a row."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refbench.profiling.cells import Order, Status

CHILD = "refbench.profiling.child"
TAIL = 3
"""Lines of a dead child's output that its row quotes."""


def measure(order: Order, timeout: float | None = None) -> dict[str, Any]:
    """Carry out ``order`` in a process of its own: its result, always with ``status`` and ``error``.

    status: ``ok``; ``error`` (an exception), ``memory`` (allocation failed, or the process was killed
    as the kernel does when memory runs out), ``died`` (any other end without a result), ``timeout``.
    """
    with tempfile.TemporaryDirectory(prefix="refbench-profile-") as folder:
        ordered, answer, words = (Path(folder) / name for name in ("order.json", "answer.json", "output.txt"))
        ordered.write_text(json.dumps(asdict(order)), encoding="utf-8")
        with words.open("wb") as output:
            # -P: a working folder with modules of its own must not get in the way
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", CHILD, str(ordered), str(answer)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                return failure("timeout", f"took longer than {timeout:g} s and was stopped")
            finally:
                _end(child)
        if answer.is_file():
            found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
            return found
        return _death(code, words)


def failure(status: Status, error: str) -> dict[str, Any]:
    """The result of a cell that has no measurements."""
    return {"status": status, "error": " ".join(error.split())[:500]}


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop the child and what it started, if it still runs."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _death(code: int, words: Path) -> dict[str, Any]:
    lines = words.read_text(encoding="utf-8", errors="replace").splitlines()
    said = " / ".join(line.strip() for line in lines[-TAIL:] if line.strip())
    behind = f": {said}" if said else ""
    if code >= 0:
        return failure("died", f"the process ended with exit code {code}{behind}")
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    if name == "SIGKILL":
        return failure("memory", f"the process was killed (SIGKILL), as when memory runs out{behind}")
    return failure("died", f"the process was killed by {name}{behind}")
