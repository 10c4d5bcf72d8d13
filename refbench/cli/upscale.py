"""``refbench upscale``: one's own image, with one's own references."""

from __future__ import annotations

import argparse
from pathlib import Path

from refbench.cli.parser import add_words
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.config.upscale_keys import UPSCALE
from refbench.errors import UserError

HELP = """Super-resolve your own images with your own references.

  refbench upscale lr.png ref=a.png,b.png method=datsr out=sr.png
  refbench upscale photos/ ref=refs/ method=datsr out=sr/    a folder; references found by name
  refbench upscale lr.png method=bicubic scale=2              for a method that has several factors"""
KEYS = UPSCALE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``IMAGE KEY=VALUE ...``."""
    add_words(parser, "IMAGE|KEY=VALUE", "the LR image or a folder of them, and settings")


def run(args: argparse.Namespace) -> int:
    """Write the SR images and say what was done."""
    images = [w for w in args.words if not is_override(w)]
    values = load_command("upscale", KEYS, [w for w in args.words if is_override(w)])
    if len(images) != 1:
        said = f"it got {', '.join(images)}" if images else "none is given"
        raise UserError(f"upscale takes one LR image, or a folder of them; {said}")
    from refbench.api.commands import upscale_with

    lr = Path(images[0]).expanduser()
    results = upscale_with(lr, values, args.output.line, args.output.note)
    documents = [result.to_json() for result in results]
    args.output.emit({"images": documents} if lr.is_dir() else documents[0])
    return 0
