"""What may happen to files between two runs: cut off at any byte, zeros in the middle (after a power cut)."""

from __future__ import annotations

from pathlib import Path
from random import Random

PATTERNS = {
    "cut rows": "*/samples*.jsonl",
    "zero rows": "*/samples*.jsonl",
    "cut image": "*/images/*.png",
    "cut manifest": "*/manifest.json",
    "cut summary": "*/summary.json",
}


def damage(out: Path, kind: str, rng: Random) -> Path | None:
    """Damage one file in the way of ``kind``; returns it, None when there is none of its sort."""
    files = sorted(p for p in out.glob(PATTERNS[kind]) if p.stat().st_size)
    if not files:
        return None
    path = rng.choice(files)
    data = path.read_bytes()
    at = rng.choice((len(data) - 1, rng.randrange(len(data))))
    if kind == "zero rows":
        end = min(len(data), at + rng.randrange(1, 300))
        data = data[:at] + bytes(end - at) + data[end:]
    else:
        data = data[:at]
    path.write_bytes(data)
    return path
