"""Prints what the benchmarks stored next to their times: ratios, extra memory, recall.

``python tests/benchmarks/ratios.py .benchmarks/last.json``; ``make bench`` calls it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def lines(document: dict[str, object]) -> list[str]:
    """One line a benchmark: its median, then every stored figure."""
    found = []
    benchmarks = document["benchmarks"]
    assert isinstance(benchmarks, list)
    for entry in benchmarks:
        numbers = {k: v for k, v in entry["extra_info"].items() if not isinstance(v, list)}
        figures = ", ".join(f"{name} {value}" for name, value in numbers.items())
        found.append(f"{entry['name']}: median {entry['stats']['median']:.3f} s; {figures or 'no ratios'}")
    return found


def main(path: str) -> int:
    """0, or 2 when the file is not a benchmark JSON."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        shown = lines(document)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        print(f"{path}: not a pytest-benchmark JSON file ({error})", file=sys.stderr)
        return 2
    machine = document.get("machine_info", {})
    print(f"on {machine.get('cpu', {}).get('brand_raw', 'unknown CPU')}, one thread:")
    print("\n".join(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ".benchmarks/last.json"))
