"""``refbench verify``: is this method conformant, or does its net agree with golden vectors?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from refbench.cli.parser import add_words
from refbench.config.keys import DEVICE, METHOD, THREADS, WEIGHTS, WEIGHTS_ROOT, Key
from refbench.config.load import load_command
from refbench.errors import UserError
from refbench.registry import Registry

HELP = """Try every clause of the method contract on any method, also your own; exit code 1 on a failure.

  refbench verify method=path/to/file.py:SPEC
  refbench verify method=datsr golden=datsr.sq.npz keys=datsr.keys.json
                     fill the nets by the golden weight rule and compare every stored array"""
KEYS = (
    METHOD,
    WEIGHTS,
    Key("golden", "path", "FILE.npz of arrays from an official forward pass"),
    Key("keys", "path", "FILE.json with the official parameter names and shapes"),
    DEVICE,
    THREADS,
    WEIGHTS_ROOT,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``KEY=VALUE ...``."""
    add_words(parser)


def run(args: argparse.Namespace) -> int:
    """Print each clause or array as it is decided; 1 when one fails."""
    values = load_command("verify", KEYS, args.words)
    from refbench.cli.threads import set_threads

    set_threads(values["threads"])
    if values["golden"] is None and values["keys"] is None:
        return _conformance(args, values)
    for key in ("golden", "keys"):
        if values[key] is None:
            raise UserError(f"verify: golden= and keys= go together; {key}= is missing")
    return _golden(args, values)


def _conformance(args: argparse.Namespace, values: dict[str, Any]) -> int:
    from refbench.conformance.kit import verify_method

    choice, root = values["method"], values["weights.root"]
    report = verify_method(
        Registry.discover().method_from(choice.locator),
        choice.weights,
        Path(root) if root else None,
        choice.params,
        values["device"],
        args.output.line,
    )
    args.output.emit(report.to_json())
    return report.exit_code


def _golden(args: argparse.Namespace, values: dict[str, Any]) -> int:
    from refbench.conformance.golden import check_golden, render

    choice = values["method"]
    if choice.weights is not None or values["weights.root"] is not None:
        raise UserError("verify: golden= fills the nets by its own rule; leave the weights keys out")
    other = [name for name in choice.params if name != "k"]
    if other:
        raise UserError(f"verify: golden= goes with method.k only; leave method.{other[0]} out")
    k = choice.params.get("k")
    report = check_golden(
        choice.name, Path(values["golden"]), Path(values["keys"]), k if isinstance(k, int) else None
    )
    args.output.line(render(report, ascii_only=not args.output.prints("✓")))
    args.output.emit(report.to_json())
    return report.exit_code
