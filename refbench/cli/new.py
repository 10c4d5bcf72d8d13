"""``refbench new method NAME``: write the skeleton of a plugin."""

from __future__ import annotations

import argparse
from pathlib import Path

from refbench.cli.parser import add_words
from refbench.config.keys import Key
from refbench.config.load import load_command
from refbench.config.override import is_override
from refbench.errors import UserError, unknown
from refbench.registry import Registry

HELP = """Write the skeleton of a new method, which `refbench verify` accepts as it is.

  refbench new method NAME
  refbench new method NAME out=DIR"""
KEYS = (Key("out", "path", "where the folder NAME is made", "."),)
KINDS = ("method",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``method NAME [KEY=VALUE ...]``."""
    add_words(parser, "method NAME|KEY=VALUE", "the kind of plugin, its name, and settings")


def run(args: argparse.Namespace) -> int:
    """Write the files and say what to type next."""
    named = [w for w in args.words if not is_override(w)]
    values = load_command("new", KEYS, [w for w in args.words if is_override(w)])
    if len(named) != 2:
        raise UserError("refbench new takes a kind and a name: refbench new method NAME")
    kind, name = named
    if kind not in KINDS:
        raise unknown("kind of plugin", kind, KINDS)

    from refbench.scaffold.method import new_method

    registry = Registry.discover()
    skeleton = new_method(name, Path(values["out"]), registry.names("methods"))
    for path in skeleton.files:
        args.output.line(f"wrote {path}")
    args.output.line("next:")
    for step in skeleton.next_steps:
        args.output.line(f"  {step}")
    args.output.emit(
        {
            "kind": kind,
            "name": name,
            "folder": skeleton.folder,
            "files": skeleton.files,
            "next": skeleton.next_steps,
        }
    )
    return 0
