"""The parts in order, and the table that they make."""

from __future__ import annotations

import json
import tempfile
import time
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
    "job": running.main_job,
    "tiles": running.tiles,
    "local": running.two_workers,
    "profile": running.profile,
    "training": running.training,
    "ceilings": speed.ceilings,
    "matching": speed.matching,
    "blocks": speed.kernel_blocks,
    "whole": speed.whole_nets,
    "precision": speed.precisions,
}


def run_parts(cpu: bool, out: Path, wanted: list[str]) -> int:
    """Run them, print each row as it comes, write both files; 1 when a row failed."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"gpu-check: no part {unknown[0]!r}; parts: {', '.join(PARTS)}")
        return 2
    device = torch.device("cpu" if cpu else "cuda:0")
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        bench = Bench(device, Path(__file__).resolve().parents[2], Path(folder))
        for name in wanted or PARTS:
            start = time.perf_counter()
            try:
                found = PARTS[name](bench)
            except Exception as error:
                found = [Row(name, "the part itself", f"{type(error).__name__}: {error}"[:300], "fail")]
            seconds[name] = round(time.perf_counter() - start, 1)
            for row in found:
                print(f"{row.status:12}  {row.part:9}  {row.what}: {row.value}", flush=True)
            rows += found
            _write(out, device, rows, seconds)
    failed = [row for row in rows if row.status == "fail"]
    print(
        f"gpu-check: {len(rows)} rows, {len(failed)} failed, {sum(seconds.values()):.0f} s; {out}/summary.md"
    )
    return 1 if failed else 0


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
