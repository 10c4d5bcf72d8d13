"""The parts in order, and the table that they make.

Parts run in a child process: one that hangs is stopped at its limit, and one that leaves the card's context
broken (after an illegal access every later call fails) loses nothing but itself.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from gpu_parts import agreement, running, speed
from gpu_parts.base import Bench, Part, Row
from refbench.store.gpu import gpu_facts
from refbench.store.provenance import cpu_name

PARTS: dict[str, Part] = {
    "golden": agreement.golden,
    "nets": agreement.nets,
    "syncs": agreement.host_syncs,
    "tiles": running.tiles,
    "ceilings": speed.ceilings,
    "matching": speed.matching,
    "blocks": speed.kernel_blocks,
    "whole": speed.whole_nets,
    "precision": speed.precisions,
    "profile": running.profile,
    "job": running.main_job,
    "local": running.two_workers,
    "training": running.training,
}
Say = Callable[[dict[str, Any]], None]


def unknown_part(wanted: list[str]) -> str | None:
    """What is said of a part that is not there."""
    unknown = [name for name in wanted if name not in PARTS]
    return f"gpu-check: no part {unknown[0]!r}; parts: {', '.join(PARTS)}" if unknown else None


def run_here(cpu: bool, folder: Path, wanted: list[str], say: Say) -> None:
    """In the child: run parts, and say of each that it begins, its rows and its seconds.

    Ends early after an error of the card itself: the parent starts another child for the rest.
    """
    bench = Bench(torch.device("cpu" if cpu else "cuda:0"), Path(__file__).resolve().parents[2], folder)
    for name in wanted:
        say({"begins": name})
        start, broken = time.perf_counter(), False
        try:
            found = PARTS[name](bench)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            broken = bench.cuda and "CUDA error" in said
            found = [Row(name, "the part itself", said[:300], "fail")]
        seconds = round(time.perf_counter() - start, 1)
        say({"part": name, "seconds": seconds, "rows": [asdict(row) for row in found]})
        if broken:
            return


def run_parts(cpu: bool, out: Path, wanted: list[str], limit: float) -> int:
    """Run them, print each row as it comes, write both files after each part; 1 when a row failed.

    ``limit``: seconds that one part may take.
    """
    if (said := unknown_part(wanted)) is not None:
        print(said)
        return 2
    device = torch.device("cpu" if cpu else "cuda:0")
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    left = list(wanted or PARTS)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        while left:
            child = _Child(cpu, Path(folder) / left[0], left, limit)
            for name, found, spent in child.results():
                left.remove(name)
                seconds[name] = spent
                for row in found:
                    print(f"{row.status:12}  {row.part:9}  {row.what}: {row.value}", flush=True)
                rows += found
                _write(out, device, rows, seconds)
    failed = [row for row in rows if row.status == "fail"]
    print(
        f"gpu-check: {len(rows)} rows, {len(failed)} failed, {sum(seconds.values()):.0f} s; {out}/summary.md"
    )
    return 1 if failed else 0


class _Child:
    """A process that runs parts until they are done, one breaks the card, or one runs past the limit."""

    def __init__(self, cpu: bool, folder: Path, parts: list[str], limit: float) -> None:
        self._parts, self._limit = list(parts), limit
        words = [str(Path(__file__).resolve().parents[1] / "gpu_check.py"), "--child", str(folder)]
        words += ["--parts", ",".join(parts), *(["--cpu"] if cpu else [])]
        self._process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._said: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)
        self._said.put(None)

    def results(self) -> Any:
        """(part, rows, seconds) of each part that ended, one way or the other."""
        running, since = self._parts[0], time.monotonic()
        while True:
            try:
                line = self._said.get(timeout=max(0.1, since + self._limit - time.monotonic()))
            except queue.Empty:
                yield (
                    running,
                    [Row(running, "the part itself", f"ran past {self._limit:.0f} s", "fail")],
                    (round(self._limit, 1)),
                )
                break
            if line is None:
                code = self._process.wait()
                if self._parts and code:
                    said = f"its process ended with exit code {code}"
                    yield running, [Row(running, "the part itself", said, "fail")], 0.0
                break
            if not line.startswith("{"):
                print(line, end="", flush=True)
                continue
            event = json.loads(line)
            if "begins" in event:
                running, since = event["begins"], time.monotonic()
                continue
            self._parts.remove(event["part"])
            yield event["part"], [Row(**row) for row in event["rows"]], event["seconds"]
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _write(out: Path, device: torch.device, rows: list[Row], seconds: dict[str, float]) -> None:
    """Both files, after every part: a machine that is taken away leaves what was found."""
    gpu = gpu_facts(str(device))
    facts: dict[str, Any] = {
        "gpu": gpu,
        "cpu": cpu_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if gpu else None,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "dry_run": device.type == "cpu",
    }
    document = {**facts, "seconds": seconds, "rows": [asdict(row) for row in rows]}
    (out / "summary.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    on = f"{gpu['name']}, driver {gpu['driver']}" if gpu else f"{facts['cpu']} (dry run without a card)"
    lines = [
        f"{on}, torch {torch.__version__}",
        "",
        "| part | what | result | status | peak MB |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        peak = "" if row.peak_mb is None else f"{row.peak_mb:.0f}"
        lines.append(f"| {row.part} | {row.what} | {row.value.replace('|', '/')} | {row.status} | {peak} |")
    (out / "summary.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
