"""CPU seconds and memory of the commands that read whole results folders, and how they grow with the rows.

``python tools/load.py`` prints the tables of docs/faults.md; ``--rows``, ``--cells``, ``--images``,
``--fresh``, ``--kept`` and ``--methods`` set sizes, and without a number leave a part out.

A real run of one tiny image is multiplied on disk: rows of other sample ids, cells of other methods, each
with a consistent manifest. Each command runs in a process of its own; peak memory is that of the process,
growth is the exponent ``log(time ratio) / log(row ratio)`` between neighbouring sizes, without the time of
an almost empty folder.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from refbench.identity.keys import digest, folder_name

REFBENCH = (sys.executable, "-m", "refbench")
QUIET = ("tracking=none", "against=none", "images=none")
STAND_IN = """
from refbench.specs import MethodSpec

SPEC = MethodSpec("stand_in", ":StandIn", max_refs=0, uses_reference=False)

class StandIn:
    def __init__(self, weights, device): pass

    def __call__(self, inp):
        return inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
"""
PLAIN = 4
"""Rows of the folder whose time is what a command costs without rows."""


def images(folder: Path, count: int) -> None:
    """``count`` pairs of 32x32 pixels; different names, a few different contents."""
    for place in ("hr", "ref"):
        (folder / place).mkdir(parents=True)
    rng = np.random.default_rng(0)
    sources = []
    for n in range(min(count, 16)):
        path = folder / f"source{n}.png"
        PILImage.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        sources.append(path)
    for n in range(count):
        # a link is refused by some adapters, a hard link is a file
        for place in ("hr", "ref"):
            os.link(sources[n % len(sources)], folder / place / f"{n:06d}.png")


def pairs(folder: Path) -> list[str]:
    return ["suite=pairs", f"data.input={folder / 'hr'}", f"data.ref={folder / 'ref'}"]


def multiplied(source: Path, out: Path, rows: int, cells: int) -> None:
    """``cells`` copies of the cell in ``source`` as other methods, with ``rows`` rows in all."""
    (cell,) = (path.parent for path in source.glob("*/samples.jsonl"))
    manifest = json.loads((cell / "manifest.json").read_bytes())
    row = json.loads((cell / "samples.jsonl").read_bytes().splitlines()[0])
    (first, *_) = (name for name in row["metrics"] if "psnr" in name)
    for number in range(cells):
        identity = {**manifest["identity"], "method": f"m{number:04d}"}
        key = digest(identity)
        facts = {
            "method": f"m{number:04d}",
            "method_label": f"m{number:04d}",
            "identity": identity,
            "run_key": key,
        }
        folder = out / folder_name(key)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({**manifest, **facts}, indent=1))
        with (folder / "samples.jsonl").open("w") as stream:
            for n in range(max(1, rows // cells)):
                values = {**row["metrics"], first: 20 + (n * 7919 + number) % 1000 / 100}
                record = {**row, "sample_id": f"{n:06d}", "metrics": values}
                stream.write(json.dumps(record, separators=(",", ":")) + "\n")


def measured(words: Sequence[str], place: Path) -> tuple[float, float]:
    """(CPU seconds, peak MB) of one command. Raises RuntimeError when it fails.

    An audit that contradicts made-up rows has not failed.
    """
    with (place / "err").open("wb") as errors:
        child = subprocess.Popen([*REFBENCH, *words], cwd=place, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode > (words[0] == "audit"):
        raise RuntimeError(f"{words}: exit {child.returncode}: {(place / 'err').read_text()[-400:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def commands(results: Path, place: Path) -> dict[str, list[str]]:
    """What reads a whole results folder."""
    baseline = f"baseline={place / 'baseline.json'}"
    return {
        "report format=md": ["report", str(results), "format=md", f"report.dir={place / 'report'}"],
        "report format=html": ["report", str(results), "format=html", f"report.dir={place / 'report'}"],
        "check --update": ["check", baseline, f"run={results}", "--update"],
        "check": ["check", baseline, f"run={results}"],
        "merge": ["merge", str(results), f"out={place / 'merged'}"],
        "audit": ["audit", str(results)],
    }


def fresh(top: Path, counts: Sequence[int]) -> None:
    """Real runs of a stand-in method with one metric and without images: what a trial costs by itself."""
    (top / "stand_in.py").write_text(STAND_IN)
    found: dict[str, dict[int, tuple[float, float]]] = {}
    for count in (PLAIN, *counts):
        place = top / f"fresh-{count}"
        images(place, count)
        words = ["run", f"method={top / 'stand_in.py'}:SPEC", *pairs(place), *QUIET, "metrics=[psnr_y]"]
        for name, more in (
            ("run, a stand-in method", []),
            ("the same again", []),
            ("dry run", ["--dry-run"]),
        ):
            line = measured([*words, f"out={place / 'out'}", *more], place)
            found.setdefault(name, {})[count] = line
            print(f"{count} fresh trials, {name}: {line}", file=sys.stderr, flush=True)
        shutil.rmtree(place)
    table("trials of a run", found, counts)


def pages(top: Path, counts: Sequence[int]) -> None:
    """Real runs that keep their images: what scores, audits and shows them."""
    found: dict[str, dict[int, tuple[float, float]]] = {}
    for count in (PLAIN, *counts):
        place = top / f"kept-{count}"
        images(place, count)
        out, quiet = place / "out", ("tracking=none", "against=none")
        todo = {
            "run method=bicubic": ["run", "method=bicubic", *pairs(place), *quiet, f"out={out}"],
            "run again": ["run", "method=bicubic", *pairs(place), *quiet, f"out={out}"],
            "score metrics=[ssim_rgb]": ["score", "metrics=[ssim_rgb]", f"out={out}"],
            "report format=html": ["report", str(out), "format=html", f"report.dir={place / 'report'}"],
        }
        todo["audit"] = ["audit", str(out), f"data.root={place}"]
        for name, words in todo.items():
            found.setdefault(name, {})[count] = measured(words, place)
            print(f"{count} kept images, {name}: {found[name][count]}", file=sys.stderr, flush=True)
        shutil.rmtree(place)
    table("images kept", found, counts)


def table(title: str, found: dict[str, dict[int, tuple[float, float]]], sizes: Sequence[int]) -> None:
    """One line per command: CPU seconds and MB at each size, and the exponents between them."""
    heads = [f"{size:,}" for size in sizes]
    print(f"\n| {title} | {' | '.join(heads)} | growth |\n|---|{'---|' * (len(heads) + 1)}", flush=True)
    for name, times in found.items():
        plain = times.get(PLAIN, (0.0, 0.0))[0]
        cells = [f"{times[s][0]:.1f} s, {times[s][1]:.0f} MB" if s in times else "-" for s in sizes]
        grown = []
        for small, large in itertools.pairwise(sizes):
            if small in times and large in times:
                ratio = max(times[large][0] - plain, 0.05) / max(times[small][0] - plain, 0.05)
                grown.append(f"{math.log(ratio) / math.log(large / small):.2f}")
        print(f"| `{name}` | {' | '.join(cells)} | {', '.join(grown)} |", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Load figures of docs/faults.md.")
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--cells", type=int, nargs="*", default=[10, 1000])
    parser.add_argument("--images", type=int, nargs="*", default=[1000, 10_000, 50_000])
    parser.add_argument(
        "--fresh", type=int, nargs="*", default=[1000, 10_000, 100_000], help="trials of real runs"
    )
    parser.add_argument("--kept", type=int, nargs="*", default=[500, 5000], help="images of real runs")
    parser.add_argument("--methods", type=int, nargs="*", default=[20, 200], help="methods in one table")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        images(top / "one", 1)
        source = top / "source"
        measured(["run", "method=bicubic", *pairs(top / "one"), *QUIET, f"out={source}"], top)
        for cells in options.cells:
            found: dict[str, dict[int, tuple[float, float]]] = {}
            for rows in (PLAIN, *options.rows):
                place = top / f"{cells}-{rows}"
                multiplied(
                    source,
                    place / "results",
                    max(rows, cells),
                    min(cells, max(rows, 1)) if rows > PLAIN else 1,
                )
                for name, words in commands(place / "results", place).items():
                    found.setdefault(name, {})[rows] = measured(words, place)
                    print(
                        f"{cells} cells, {rows} rows, {name}: {found[name][rows]}",
                        file=sys.stderr,
                        flush=True,
                    )
                shutil.rmtree(place)
            table(f"rows in {cells} cells", found, options.rows)
        planned: dict[str, dict[int, tuple[float, float]]] = {}
        for count in (PLAIN, *options.images) if options.images else ():
            place = top / f"images-{count}"
            images(place, count)
            words = ["run", "method=bicubic", *pairs(place), *QUIET, f"out={place / 'out'}"]
            planned.setdefault("run --dry-run", {})[count] = measured([*words, "--dry-run"], place)
            shutil.rmtree(place)
        if options.images:
            table("images in a folder", planned, options.images)
        if options.fresh:
            fresh(top, options.fresh)
        if options.kept:
            pages(top, options.kept)
        found = {}
        for count in (1, *options.methods) if options.methods else ():
            place = top / f"methods-{count}"
            multiplied(source, place / "results", 13 * count, count)
            words = commands(place / "results", place)["report format=md"]
            found.setdefault("report format=md", {})[count if count > 1 else PLAIN] = measured(words, place)
        if options.methods:
            table("methods in one table, 13 images each", found, options.methods)
    return 0


if __name__ == "__main__":
    sys.exit(main())
