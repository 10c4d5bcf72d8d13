"""``refbench score``: add metrics to finished runs, without inference."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.cli.parser import add_words
from refbench.cli.table import print_table
from refbench.config.keys import OUT, THREADS, Key, required
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refbench.results.scoring import ScoredCell

HELP = """Add metrics to finished runs from their kept SR images.

  refbench score metrics=[lpips_alex,pyiqa:dists]            every run in results/
  refbench score results/0a1b2c3d metrics=ssim_rgb           one run"""
KEYS = (
    required(Key("metrics", "words", "[lpips_alex,pyiqa:dists]")),
    OUT,
    Key("data.root", "path", "where the dataset is now, when it has moved"),
    THREADS,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``[RUN ...] metrics=[...]``."""
    add_words(parser, "RUN|KEY=VALUE", "results or run folders (default: out=), and settings")


def run(args: argparse.Namespace) -> int:
    """Score and print; 1 when an image could not be read, or a metric could not be computed."""
    values = load_command("score", KEYS, [w for w in args.words if is_override(w)])
    places = [Path(w).expanduser() for w in args.words if not is_override(w)] or [Path(values["out"])]
    from refbench.execution.threads import set_threads
    from refbench.results.scoring import Scorer, score_runs

    set_threads(values["threads"])
    scorer = Scorer(values["metrics"], Registry.discover(), values["data.root"], args.output.note)
    cells = score_runs(places, scorer)
    args.output.emit({"cells": [cell.json() for cell in cells]})
    aliases = list(cells[0].record.metrics) if cells else []
    rows = [_row(cell, aliases) for cell in cells]
    print_table(args.output, ("method", "dataset", "protocol", *aliases, "scored", "reused"), rows)
    for alias in aliases:
        args.output.line(f"{alias} = {cells[0].record.metrics[alias].signature}")
    lacking = not_computed(cells)
    for alias, reason in lacking.items():
        args.output.note(f"{alias}: not computed: {reason}")
    return 1 if lacking or any(cell.errors or cell.without_image for cell in cells) else 0


def not_computed(cells: Sequence[ScoredCell]) -> dict[str, str]:
    """Alias -> reason, of the metrics that some cell has no value of at all. An infinite PSNR is a value."""
    from refbench.stats.summary import INFINITE

    return {
        alias: metric.reason
        for cell in cells
        for alias, metric in cell.record.metrics.items()
        if metric.mean is None and metric.reason and not metric.reason.startswith(INFINITE)
    }


def _row(cell: ScoredCell, aliases: list[str]) -> list[str]:
    record = cell.record
    shown = []
    for alias in aliases:
        metric = record.metrics[alias]
        digits = max(4, metric.spec.decimals)
        if metric.mean is None:
            shown.append(metric.reason or "-")
        elif metric.lo is None or metric.hi is None:
            shown.append(f"{metric.mean:.{digits}f}")
        else:
            shown.append(f"{metric.mean:.{digits}f} [{metric.lo:.{digits}f}, {metric.hi:.{digits}f}]")
    return [
        record.method_label,
        record.dataset_label,
        record.protocol,
        *shown,
        str(cell.scored),
        str(cell.reused),
    ]
