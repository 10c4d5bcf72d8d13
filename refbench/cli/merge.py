"""``refbench merge``: the results folders of shards become one complete results folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from refbench.cli.amounts import count
from refbench.cli.parser import add_words
from refbench.cli.table import print_table
from refbench.config.keys import Key
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.errors import UserError

if TYPE_CHECKING:
    from refbench.cli.output import Output
    from refbench.results.merging import MergedCell

HELP = """Join the results folders of a run that was divided with shard=i/n, as if it had not been.

  refbench merge results/1 results/2 results/3 out=results/all    one folder per shard
  refbench merge results/study                                    shards that wrote into one folder

Nothing is written unless the folders belong together and no trial is missing. The folders that are read
stay as they are; repeating the command changes nothing."""
KEYS = (Key("out", "path", "folder of the joined results (default: the only folder named)"),)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``FOLDER ... [--partial] [out=DIR]``."""
    add_words(parser, "FOLDER|KEY=VALUE", "results or run folders, and out=")
    parser.add_argument(
        "--partial", action="store_true", help="join what is there; it stays marked as partial"
    )


def run(args: argparse.Namespace) -> int:
    """Merge and print; exit code 0, or 1 when trials are missing (``--partial``)."""
    values = load_command("merge", KEYS, [w for w in args.words if is_override(w)])
    places = [Path(w).expanduser() for w in args.words if not is_override(w)]
    if not places:
        raise UserError("merge: name the results folders of the shards")
    if values["out"] is None and len(places) > 1:
        raise UserError("merge: out= is missing (where the joined results go)")
    out = Path(values["out"]) if values["out"] is not None else places[0]
    from refbench.results.merging import merge
    from refbench.results.reopen import is_bundle, opened

    if is_bundle(out):
        raise UserError(f"merge: {out} is a bundle; give out=, a folder for the joined results")
    with opened(places) as folders:
        cells = merge(folders, out, partial=args.partial)
    show(cells, len(places), out, args.output)
    return 1 if any(cell.record.partial for cell in cells) else 0


def show(cells: Sequence[MergedCell], places: int, out: Path, output: Output) -> None:
    """A line per cell, what was remarkable, and what came of it."""
    trials, added = sum(c.record.trials for c in cells), sum(c.added for c in cells)
    partial = next((text for cell in cells if (text := cell.record.partial)), "")
    output.emit({"cells": [c.json() for c in cells], "results": str(out), "trials": trials, "added": added})
    rows = [_row(cell) for cell in sorted(cells, key=lambda c: (c.record.method, c.record.protocol))]
    print_table(output, ("method", "dataset", "protocol", "images", "added", ""), rows)
    for cell in cells:
        for problem in cell.problems:
            output.note(f"warning: {problem}")
    repeated, lost = sum(c.repeated for c in cells), sum(c.lost_images for c in cells)
    if repeated:
        stood = f"{count(repeated, 'image')} stood in more than one folder"
        output.line(f"{stood} ({out} included), with equal values")
    if lost:
        output.note(f"warning: {lost} SR images are in none of the folders; their rows are there")
    folders = "1 folder" if places == 1 else f"{places} folders"
    what = f"{count(len(cells), 'result')}, {count(trials, 'image')}"
    output.line(f"{what} from {folders} in {out}; {count(added, 'row')} added")
    if partial:
        output.line(f"{partial}: not ranked and not gated until the rest is merged, too")
    else:
        output.line(
            f"the run's command without shard= and with out={out} prints its tables; it reuses all rows"
        )


def _row(cell: MergedCell) -> list[str]:
    found = cell.record
    dataset = found.manifest.dataset_label or found.dataset
    return [found.method_label, dataset, found.protocol, str(found.trials), str(cell.added), found.partial]
