"""The commands: a name, the line that ``refbench --help`` shows, and a module of the same name.

A command module has ``HELP`` (text), ``add_arguments(parser)``, ``run(args) -> int`` (the exit code) and,
where it takes settings, ``KEYS``. It imports what it needs inside ``run``, so that help stays fast.
``args`` has ``output`` (:class:`refbench.cli.output.Output`) and ``json`` besides its own arguments.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast

from refbench.config.keys import RUN, Key

COMMANDS: Mapping[str, str] = {
    "run": "score methods on suites and print a comparison table",
    "score": "add metrics to finished runs, from their kept SR images",
    "report": "tables, curves and a page to look at, from finished runs",
    "export": "finished runs in the shapes that other programs read",
    "site": "a static leaderboard of runs and bundles",
    "merge": "join the results folders of a run that was divided with shard=i/n",
    "audit": "check results that somebody else made; the exit code is the verdict",
    "check": "compare a run with a committed baseline; the exit code is the verdict",
    "list": "show methods, datasets, suites, metrics and protocols",
    "verify": "check a method's conformance, or a net against golden vectors",
    "profile": "measure what a method's stages cost, and compare matchers",
    "doctor": "say what is installed here, what is missing and what is broken",
    "prepare": "check a copy of a dataset, or make one ready",
    "train": "train a method under a declared recipe and budget",
    "upscale": "super-resolve your own image with your own references",
    "new": "write the skeleton of a new method",
    "completion": "print a completion script for bash, zsh or fish",
}

HIDDEN = {"__complete": "refbench.cli.complete"}
"""Called by the completion scripts only."""


class Command(Protocol):
    """A command module."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


def load(name: str) -> Command:
    """Import the module of a command."""
    return cast(Command, import_module(HIDDEN.get(name, f"refbench.cli.{name}")))


def keys_of(name: str, command: Command) -> Sequence[Key]:
    """The settings a command declares; those of ``run`` are shared and declared with the others' parts."""
    return cast("Sequence[Key]", getattr(command, "KEYS", RUN if name == "run" else ()))
