"""argparse, with errors as one line and the settings a command takes in its help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from refbench.config.keys import Key
from refbench.errors import UserError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UserError instead of printing usage and exiting."""

    def __init__(self, prog: str, description: str = "", keys: Sequence[Key] = ()) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=describe_keys(keys),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def add_words(parser: argparse.ArgumentParser, metavar: str = "KEY=VALUE", text: str = "settings") -> None:
    """The words after the command, as ``args.words``: settings, and files where the command takes them."""
    parser.add_argument("words", nargs="*", metavar=metavar, help=text)


def add_sweep_flags(parser: argparse.ArgumentParser) -> None:
    """``--cfg`` as ``args.cfg``, and Hydra's ``-m``, which changes nothing."""
    parser.add_argument("-m", "--multirun", action="store_true", help="not needed: a=x,y always runs both")
    parser.add_argument("--cfg", action="store_true", help="print the composed settings and stop")


def describe_keys(keys: Sequence[Key]) -> str:
    """The settings as lines of help."""
    if not keys:
        return ""
    width = max(len(k.name) for k in keys) + 1
    lines = [f"  {k.name + '=':<{width}}  {k.help}{_default(k)}" for k in keys]
    if any(k.name == "method" and k.kind == "locator" for k in keys):
        lines.append(
            f"  {'method.<option>=':<{width}}  an option of the method: `refbench list methods NAME`"
        )
    return "settings:\n" + "\n".join(lines)


def _default(key: Key) -> str:
    choices = f" [{'|'.join(key.choices)}]" if key.choices else ""
    if key.required:
        return f"{choices} (required)"
    if key.default is None or key.default == ():
        return choices
    shown = str(key.default).lower() if isinstance(key.default, bool) else key.default
    if isinstance(shown, tuple):
        shown = ",".join(map(str, shown))
    return f"{choices} (default: {shown})"
