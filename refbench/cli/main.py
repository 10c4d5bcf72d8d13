"""The ``refbench`` command: finds the subcommand, and turns every failure into one line and an exit code.

Exit codes: 0 fine, 1 a verdict (a check failed, samples had errors), 2 bad input, 70 what refbench did
not foresee, 130 interrupted; ``check`` adds 3.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import NoReturn

from refbench import __version__
from refbench.cli.commands import COMMANDS, HIDDEN, keys_of, load
from refbench.cli.exhausted import machine_failure
from refbench.cli.output import Output
from refbench.cli.parser import Parser
from refbench.errors import UserError, unknown

GLOBAL_FLAGS = ("--json", "--traceback")
FAILED = 70
"""EX_SOFTWARE of sysexits.h: an internal error, never a verdict."""
INTERRUPTED = "interrupted; finished rows are kept, and the same command goes on from there"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    stand_in_for_closed_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    flags = {f for f in GLOBAL_FLAGS if f in _before_dashes(words)}
    output = Output("--json" in flags)
    rest = [w for w in words if w not in flags]
    output.traceback = "--traceback" in flags
    try:
        with output.guarded(), no_silent_leave():
            code = _dispatch(rest, output)
        sys.stdout.flush()
        return code
    except SystemExit as stop:
        return _stopped(stop, rest, output)
    except BrokenPipeError:
        # the reader has gone (`| head`): nothing more can be said, not even when Python flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        output.error(INTERRUPTED)
        return 130
    except BaseException as error:
        if "--traceback" in flags:
            traceback.print_exc()
        return _failed(error, output)


def stand_in_for_closed_streams() -> None:
    """Give Python a stdout and stderr where the caller closed them (daemons, cron wrappers).

    What would be printed is lost, as the caller wished; the numbers 0 to 2 are taken, so that no file of
    ours gets one of them and the words of a child process.
    """
    while (taken := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(taken)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # it lives as long as the process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


@contextlib.contextmanager
def no_silent_leave() -> Iterator[None]:
    """Within, ``os._exit(0)`` of somebody's code in this process does not look like success."""
    leave, own = os._exit, os.getpid()

    def told(status: int) -> NoReturn:
        # forked children end in this way, and are not our business
        if os.getpid() == own and status in (0, 1):
            print(f"refbench: the process was left by os._exit({status})", file=sys.stderr, flush=True)
            status = FAILED
        leave(status)
        raise AssertionError("unreachable")

    os._exit = told
    try:
        yield
    finally:
        os._exit = leave


def _stopped(stop: SystemExit, words: Sequence[str], output: Output) -> int:
    """Exit code for SystemExit: ours (the parser's help and usage errors) or that of code we called."""
    asked_for_help = any(word in ("-h", "--help", "help") for word in words)
    if stop.code == 2 or (stop.code in (0, None) and asked_for_help):
        return 2 if stop.code == 2 else 0
    output.error(f"stopped by SystemExit({stop.code!r}) in the middle of a command")
    return FAILED


def _failed(error: BaseException, output: Output) -> int:
    """One line, and 2 for what the user can put right, else FAILED."""
    if isinstance(error, UserError):
        output.error(str(error))
        return 2
    exhausted = machine_failure(error)
    if exhausted is not None:
        output.error(exhausted)
        return FAILED
    if isinstance(error, OSError) and error.strerror is not None:
        # a full disk is reported by write(), which knows no file name
        where = f"{os.fspath(error.filename)}: " if error.filename is not None else ""
        output.error(f"{where}{error.strerror}")
        return 2
    if isinstance(error, MemoryError):
        output.error("out of memory; memory.limit= bounds what matching and networks take")
        return FAILED
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    output.error(f"internal error: {what}; the command with --traceback says where")
    return FAILED


def usage() -> str:
    """What ``refbench`` and ``refbench --help`` print."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: refbench COMMAND [KEY=VALUE ...] [flags]",
            "",
            "Benchmark harness for reference-based image super-resolution (RefSR).",
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
