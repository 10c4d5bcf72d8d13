"""The ``refbench`` command: finds the subcommand, and turns every failure into one line and an exit code.

Exit codes: 0 fine, 1 a check failed or samples had errors, 2 bad input, 130 interrupted; ``check`` adds 3.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from refbench import __version__
from refbench.cli.commands import COMMANDS, HIDDEN, keys_of, load
from refbench.cli.output import Output
from refbench.cli.parser import Parser
from refbench.errors import UserError, unknown

GLOBAL_FLAGS = ("--json", "--traceback")
INTERRUPTED = "interrupted; finished rows are kept, and the same command goes on from there"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    flags = {f for f in GLOBAL_FLAGS if f in _before_dashes(words)}
    output = Output("--json" in flags)
    try:
        with output.guarded():
            code = _dispatch([w for w in words if w not in flags], output)
        sys.stdout.flush()
        return code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        # the reader has gone (`| head`): nothing more can be said, also not when Python flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        output.error(INTERRUPTED)
        return 130
    except UserError as error:
        if "--traceback" in flags:
            raise
        output.error(str(error))
        return 2
    except OSError as error:
        if "--traceback" in flags or error.strerror is None:
            raise
        # a full disk is reported by write(), which knows no file name
        where = f"{os.fspath(error.filename)}: " if error.filename is not None else ""
        output.error(f"{where}{error.strerror}")
        return 2


def usage() -> str:
    """What ``refbench`` and ``refbench --help`` print."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: refbench COMMAND [KEY=VALUE ...] [flags]",
            "",
            "Benchmark harness for reference-based image super-resolution (RefSR, x4).",
            "",
            *lines,
            "",
            "everywhere: --json (one JSON document on stdout), --help, --traceback; refbench --version",
            "first steps: refbench run method=datsr suite=cufed5_jitter",
        ]
    )


def _dispatch(words: list[str], output: Output) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[0] == "help":
            return _dispatch([words[1], "--help"], output)
        output.line(usage())
        return 0
    if words[0] in ("-V", "--version"):
        output.line(f"refbench {__version__}")
        output.emit({"version": __version__})
        return 0
    name, rest = words[0], words[1:]
    if name.startswith("-"):
        # `refbench -m run ...`: flags may stand before the command
        after = [i for i, word in enumerate(words) if word in COMMANDS]
        if not after:
            raise UserError(f"no flag {name!r} here; the command comes first (see refbench --help)")
        name, rest = words[after[0]], [*words[: after[0]], *words[after[0] + 1 :]]
    if name not in COMMANDS and name not in HIDDEN:
        raise unknown("command", name, COMMANDS)
    command = load(name)
    parser = Parser(f"refbench {name}", command.HELP, keys_of(name, command))
    if name in HIDDEN:
        # completion is asked about unfinished words, flags among them
        args, _ = parser.parse_known_args([])
        args.words = rest
    else:
        command.add_arguments(parser)
        parser.add_argument(
            "--json", action="store_true", help="one JSON document on stdout, the rest on stderr"
        )
        args = parser.parse_intermixed_args(rest)
    args.json, args.output = output.json, output
    return command.run(args)


def _before_dashes(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words
