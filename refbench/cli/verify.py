"""``refbench verify``: is this method conformant, or does its net agree with golden vectors?"""

from __future__ import annotations

import argparse

from refbench.cli.parser import add_words
from refbench.config.load import load_command
from refbench.config.verify_keys import VERIFY

HELP = """Try every clause of the method contract on any method, also your own; exit code 1 on a failure.

  refbench verify method=path/to/file.py:SPEC
  refbench verify method=datsr golden=datsr.sq.npz keys=datsr.keys.json
                     fill the nets by the golden weight rule and compare every stored array"""
KEYS = VERIFY


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``KEY=VALUE ...``."""
    add_words(parser)


def run(args: argparse.Namespace) -> int:
    """Print each clause or array as it is decided; 1 when one fails."""
    from refbench.api.commands import verify_with
    from refbench.conformance.report import ConformanceReport

    report = verify_with(load_command("verify", KEYS, args.words), args.output.line)
    if not isinstance(report, ConformanceReport):
        from refbench.conformance.golden import render

        args.output.line(render(report, ascii_only=not args.output.prints("✓")))
    args.output.emit(report.to_json())
    return report.exit_code
