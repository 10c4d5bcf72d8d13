"""``refbench profile``: what a method's stages cost, and how the matchers compare."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refbench.cli.parser import add_words
from refbench.cli.tracked import show_tracked
from refbench.config.keys import (
    DEVICE,
    OUT,
    PRECISION,
    SEED,
    THREADS,
    TRACKING,
    TRACKING_URI,
    WEIGHTS_ROOT,
    Key,
)  # fmt: skip
from refbench.config.load import load_commands
from refbench.profiling.cells import MATCHERS
from refbench.registry import Registry

HELP = """Time, memory, FLOPs and bytes of each stage; every cell (method x size x k) in a fresh process.

  refbench profile method=datsr,c2_matching sizes=160x160,512x320 method.weights=random
  refbench profile matchers=official,streamed,pca features=125x83x256 k=1,4"""
KEYS = (
    Key("method", "words", "methods by name, or path/to/file.py:SPEC: datsr,ttsr", ()),
    Key("method.weights", "text", "weights variant, path, or random: official size without a checkpoint"),
    Key("sizes", "words", "HR sizes, WIDTHxHEIGHT, e.g. 512x320,160x160; default: 160x160", ()),
    Key("ref_size", "text", "reference size, WIDTHxHEIGHT; default: as HR"),
    Key("k", "words", "matches per position: 1,2,4 (methods with the option k, and matchers)", ()),
    Key("matchers", "words", "compare matchers side by side", (), MATCHERS),
    Key("features", "words", "feature sizes for matchers=, WxHxC; default: sizes/4 with 256 channels", ()),
    Key("repeats", "int", "timed calls", 5, minimum=1),
    Key("warmup", "int", "calls before them", 1, minimum=0),
    Key("timeout", "number", "seconds after which a cell is stopped"),
    Key("probe_seconds", "number", "time for each measurement of the machine's peaks", 0.5),
    Key("trace", "path", "write a torch.profiler trace of one call to this file"),
    SEED,
    DEVICE,
    PRECISION,
    THREADS,
    OUT,
    WEIGHTS_ROOT,
    TRACKING,
    TRACKING_URI,
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``KEY=VALUE ...``."""
    add_words(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 1 when a cell has no measurements."""
    values = load_commands("profile", KEYS, args.words, False, groups=("method",))[0]
    from refbench.profiling.profile import failures, profile, profile_folder
    from refbench.profiling.request import build_request

    request = build_request(values, Registry.discover())
    folder = profile_folder(Path(values["out"]), request.key)
    document = profile(request, echo=args.output.note)
    files = _write(document, folder)
    tracked = []
    if values["tracking"] == "mlflow":
        from refbench.tracking.profile import publish_profile

        out, uri = Path(values["out"]), values["tracking.uri"]
        tracked = [publish_profile(out, uri, document, list(files.values()))]
    _show(args, document, files)
    show_tracked(tracked, args.output)
    shown = {name: str(path) for name, path in files.items()}
    args.output.emit({**document, "files": shown, "tracking": tracked})
    return 1 if failures(document) else 0


def _write(document: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    from refbench.profiling.profile import write_document
    from refbench.reports.cost_plot import draw_cost

    files = {"profile": write_document(dict(document), folder)}
    plot = folder / "cost.png"
    if draw_cost(document, plot):
        files["plot"] = plot
    return files


def _show(args: argparse.Namespace, document: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    from refbench.cli.table import print_table
    from refbench.profiling.tables import machine_lines, tables

    output = args.output
    for title, columns, rows in tables(document):
        print_table(output, columns, rows, title)
        output.line()
    for line in machine_lines(document):
        output.line(line)
    for path in files.values():
        output.line(f"wrote {path}")
