"""``refbench export``: finished runs in the shapes that other programs read."""

from __future__ import annotations

import argparse
from pathlib import Path

from refbench.cli.parser import add_words
from refbench.config.export_keys import KEYS
from refbench.config.load import load_command
from refbench.config.override import is_override

HELP = """Write finished runs in the shapes that other programs and people read.

  refbench export results out=mine.zip                          a bundle to hand around
  refbench export results out=blind.zip anonymous=true          for a double-blind submission
  refbench export results out=eee format=eee                    Every Eval Ever documents
  refbench export results out=card format=hf hf.dataset=me/cufed5
  refbench export results out=badge.json format=badge method=datsr
  refbench export out=competition.zip format=codabench suite=cufed5

What a format has no place for is listed, never dropped in silence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``[RUN ...] [KEY=VALUE ...]``."""
    add_words(parser, "RUN|KEY=VALUE", "results or run folders (default: results), and settings")


def run(args: argparse.Namespace) -> int:
    """Write and list; exit code 0."""
    values = load_command("export", KEYS, [w for w in args.words if is_override(w)])
    places = [Path(w).expanduser() for w in args.words if not is_override(w)] or [Path("results")]
    from refbench.api.commands import export_with

    found = export_with(places, values, args.output.note)
    args.output.emit(
        {
            "format": values["format"],
            "files": [str(path) for path in found.files],
            "unmapped": list(found.unmapped),
            **found.facts,
        }
    )
    for line in found.unmapped:
        args.output.line(f"not mapped: {line}")
    for path in found.files:
        args.output.line(f"wrote {path}")
    return 0
