"""The front of the command line: help, suggestions, exit codes, one document with --json."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import refbench.cli.main as front
from refbench import __version__
from refbench.cli.commands import COMMANDS
from refbench.cli.main import INTERRUPTED, main, no_silent_leave
from refbench.cli.output import Output, plain
from refbench.cli.parser import add_sweep_flags, add_words
from refbench.errors import UserError

Act = Callable[[argparse.Namespace], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    """Puts a command of our own instead of every command."""

    def put(act: Act) -> None:
        def add(parser: argparse.ArgumentParser) -> None:
            add_words(parser)
            add_sweep_flags(parser)

        monkeypatch.setattr(
            front, "load", lambda _: SimpleNamespace(HELP="h", add_arguments=add, run=act, KEYS=())
        )

    return put


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    out = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in out


@pytest.mark.parametrize("argv", [["list", "--help"], ["help", "list"]])
def test_help_of_a_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: refbench list")
    assert "weights.root=" in out


def test_help_lists_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  seed= +seed of everything random \(default: 0\)$", out, re.MULTILINE)
    assert "[fp32|tf32|bf16] (default: fp32)" in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"refbench {__version__}\n"
    assert main(["--version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": __version__}


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["lst"], "refbench: no command 'lst'; did you mean 'list'?\n"),
        (["--frob"], "refbench: no flag '--frob' here; the command comes first (see refbench --help)\n"),
        (
            ["list", "--frob"],
            "refbench: unrecognized arguments: --frob (see refbench list --help)\n",
        ),
        (["list", "--js"], "refbench: unrecognized arguments: --js (see refbench list --help)\n"),
        (
            ["completion", "tcsh"],
            "refbench: argument shell: invalid choice: 'tcsh' (choose from 'bash', 'fish', 'zsh')"
            " (see refbench completion --help)\n",
        ),
    ],
)
def test_mistakes_are_one_line(argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    # newer Pythons write the choices without quotes
    assert captured.err.replace("bash, fish, zsh", "'bash', 'fish', 'zsh'") == expected
    assert captured.out == ""


def test_an_error_is_also_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lst", "--json"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"error": "no command 'lst'; did you mean 'list'?"}
    assert captured.err == "refbench: no command 'lst'; did you mean 'list'?\n"


def test_exit_codes_pass_through(command: Callable[[Act], None]) -> None:
    for code in (0, 1, 3):
        command(lambda _, code=code: code)  # type: ignore[misc]
        assert main(["run"]) == code


def _raises(error: BaseException) -> Act:
    def act(args: argparse.Namespace) -> int:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UserError("bad thing: do this"), 2, "bad thing: do this"),
        (KeyboardInterrupt(), 130, INTERRUPTED),
        (PermissionError(13, "Permission denied", "/r/x [1]"), 2, "/r/x [1]: Permission denied"),
        (OSError(28, "No space left on device", "/r/rows"), 2, "/r/rows: No space left on device"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
    ],
)
def test_failures_are_one_line(
    command: Callable[[Act], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    text: str,
) -> None:
    command(_raises(error))
    assert main(["run", "--json"]) == code
    captured = capsys.readouterr()
    assert captured.err == f"refbench: {text}\n"
    assert json.loads(captured.out) == {"error": text}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZeroDivisionError("bug"), "internal error: ZeroDivisionError: bug"),
        (AssertionError(), "internal error: AssertionError"),
        (MemoryError(), "out of memory; more memory or address space is needed"),
        (RecursionError("too deep"), "internal error: RecursionError: too deep"),
        (SystemExit(0), "stopped by SystemExit(0)"),
        (SystemExit(1), "stopped by SystemExit(1)"),
        (SystemExit("gone"), "stopped by SystemExit('gone')"),
        (GeneratorExit(), "internal error: GeneratorExit"),
        (OSError("no number"), "internal error: OSError: no number"),
    ],
)
def test_a_crash_is_one_line_and_70_and_never_a_verdict(
    command: Callable[[Act], None], capsys: pytest.CaptureFixture[str], error: BaseException, text: str
) -> None:
    command(_raises(error))
    assert main(["run", "--json"]) == 70
    captured = capsys.readouterr()
    assert captured.err.startswith(f"refbench: {text}")
    assert captured.err.count("\n") == 1
    assert text in json.loads(captured.out)["error"]


def test_traceback_shows_where_and_keeps_the_exit_code(
    command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failures: list[tuple[BaseException, int]] = [(ZeroDivisionError("bug"), 70), (UserError("bad"), 2)]
    for error, code in failures:
        command(_raises(error))
        assert main(["run", "--traceback"]) == code
        shown = capsys.readouterr().err
        assert "Traceback" in shown
        assert shown.rstrip().splitlines()[-1].startswith("refbench: ")


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code(closed: str, tmp_path: Path) -> None:
    refbench = f"'{sys.executable}' -m refbench"
    for words, code in (("list suites", 0), (f"check baseline='{tmp_path}/none.json'", 2)):
        done = subprocess.run(
            f"{refbench} {words} {closed}", shell=True, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, (words, done.stderr)
        assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(("status", "code"), [(0, 70), (1, 70), (3, 3)])
def test_leaving_the_process_is_not_a_success_and_not_a_verdict(status: int, code: int) -> None:
    program = (
        "import os, sys\n"
        "from refbench.cli import main as front\n"
        f"front._dispatch = lambda words, output: os._exit({status})\n"
        "sys.exit(front.main(['run']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("was left by os._exit" in done.stderr) == (code == 70)


def test_a_forked_child_may_leave_as_it_likes() -> None:
    with no_silent_leave():
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert os._exit.__name__ == "_exit"


def test_stdout_is_one_document(command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]) -> None:
    def act(args: argparse.Namespace) -> int:
        print("a library talks")
        args.output.line("for people")
        args.output.emit({"psnr": float("inf"), "n": (1, 2)})
        return 0

    command(act)
    assert main(["run", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"psnr": "inf", "n": [1, 2]}
    assert captured.err == "a library talks\nfor people\n"
    assert main(["run"]) == 0
    assert capsys.readouterr().out == "a library talks\nfor people\n"


def test_an_error_after_the_document_adds_no_second(
    command: Callable[[Act], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def act(args: argparse.Namespace) -> int:
        args.output.emit({"a": 1})
        raise UserError("late")

    command(act)
    assert main(["run", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_flags_and_settings_mix(command: Callable[[Act], None]) -> None:
    seen: list[argparse.Namespace] = []
    command(lambda args: seen.append(args) or 0)  # type: ignore[func-returns-value]
    for argv in (
        ["run", "-m", "a=1", "--cfg", "b=2"],
        ["run", "a=1", "--cfg", "b=2", "-m"],
        ["-m", "run", "a=1", "b=2", "--cfg"],
    ):
        assert main(argv) == 0
        assert (seen[-1].words, seen[-1].multirun, seen[-1].cfg) == (["a=1", "b=2"], True, True)


def test_a_closed_pipe_is_quiet() -> None:
    shell = f"{sys.executable} -m refbench list | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.split("\n")[0] in ("m0", "m141")


def test_two_documents_are_a_bug() -> None:
    output = Output(True, stream=SimpleNamespace(write=lambda _: None, flush=lambda: None))  # type: ignore[arg-type]
    output.emit({})
    with pytest.raises(RuntimeError, match="one JSON document"):
        output.emit({})


def test_plain_turns_everything_into_json() -> None:

    from refbench.settings import ExecutorChoice

    value = {1: [ExecutorChoice("a", {"x": None})], "p": Path("/x"), "nan": float("nan"), "s": {"b", "a"}}
    assert plain(value) == {
        "1": [{"name": "a", "params": {"x": None}}],
        "p": "/x",
        "nan": "nan",
        "s": ["a", "b"],
    }
