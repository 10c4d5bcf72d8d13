"""``refbench site``: a static leaderboard of many runs and bundles."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from refbench.cli.parser import add_words
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.config.site_keys import KEYS

HELP = """Write a static leaderboard: pages per suite, method and dataset, and all numbers as data.

  refbench site results out=site                     then open site/index.html
  refbench site bundles/*.zip out=site               of bundles that people handed in
  refbench site bundles/*.zip audits=audit.json      with what refbench audit --json said of them

It needs no server and asks for nothing elsewhere. Methods are ranked only on the same images, protocol and
metric signature; docs/leaderboard.md says how to host one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``RUN-OR-BUNDLE... [KEY=VALUE ...]``."""
    add_words(
        parser, "RUN|BUNDLE|KEY=VALUE", "results folders, runs or bundles (default: results), and settings"
    )


def run(args: argparse.Namespace) -> int:
    """Write and say what was written; exit code 0."""
    values = load_command("site", KEYS, [w for w in args.words if is_override(w)])
    places = [Path(w).expanduser() for w in args.words if not is_override(w)] or [Path("results")]
    started = time.monotonic()
    from refbench.api.commands import site_with

    site = site_with(places, values, args.output.note)
    seconds = time.monotonic() - started
    args.output.emit(
        {
            "out": str(site.out),
            "cells": site.cells,
            "pages": site.pages,
            "images": site.images,
            "problems": list(site.problems),
        }
    )
    for problem in site.problems:
        args.output.note(f"left out: {problem}")
    args.output.line(
        f"{site.cells} results on {site.pages} pages with {site.images} images in {seconds:.1f} s: "
        f"{site.out / 'index.html'}"
    )
    return 0
