"""What a part is given and gives: a device with its sizes, and rows of the table."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

Status = Literal["pass", "fail", "info", "needs a card"]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str
    what: str
    value: str
    status: Status
    peak_mb: float | None = None
    """Peak of the allocator on the card; None on a CPU."""


@dataclass(frozen=True)
class Bench:
    """Where the parts run. On a CPU sizes are small: a dry run shows that a part works, not how fast."""

    device: torch.device
    root: Path
    """The checkout."""
    out: Path
    """Scratch for runs."""

    @property
    def cuda(self) -> bool:
        """Whether this is a card."""
        return self.device.type == "cuda"

    def synchronise(self) -> None:
        """Wait for the queue."""
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], object], repeats: int = 10) -> float:
        """Median wall seconds of a call, after two to warm up (one on a CPU)."""
        repeats = repeats if self.cuda else 1
        for _ in range(2 if self.cuda else 1):
            call()
        spent = []
        for _ in range(repeats):
            self.synchronise()
            start = time.perf_counter()
            call()
            self.synchronise()
            spent.append(time.perf_counter() - start)
        return sorted(spent)[len(spent) // 2]

    def peak_mb(self, call: Callable[[], object]) -> float | None:
        """Growth of the allocator's peak during one call, in MiB; None on a CPU."""
        if not self.cuda:
            call()
            return None
        torch.cuda.synchronize(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        call()
        torch.cuda.synchronize(self.device)
        peak: float = (torch.cuda.max_memory_allocated(self.device) - before) / 2**20
        return peak

    def command(self, *words: str) -> tuple[int, str, float]:
        """``refbench WORDS`` in a process of its own: (exit code, what it said last or of errors, seconds).

        All that a failed one said goes to standard error.
        """
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-P", "-m", "refbench", *words],
            capture_output=True, text=True, timeout=600, env={**os.environ, "NO_COLOR": "1"}, check=False,
        )  # fmt: skip
        spent = time.perf_counter() - start
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        if done.returncode:
            print("\n".join(lines), file=sys.stderr)
            lines += [line for line in lines if "error:" in line.lower()][:1]
        return done.returncode, lines[-1] if lines else "", spent


Part = Callable[[Bench], list[Row]]


def shown(seconds: float) -> str:
    """``1.23 s`` or ``4.56 ms``."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
