"""The front of the command line: help, suggestions, exit codes, one document with --json."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

import refbench.cli.main as front
from refbench import __version__
from refbench.cli.commands import COMMANDS
from refbench.cli.main import INTERRUPTED, main
from refbench.cli.output import Output, plain
from refbench.cli.parser import add_sweep_flags, add_words
from refbench.errors import UserError

Act = Callable[[argparse.Namespace], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    """Puts a command of our own in the place of every command."""

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
    assert "  seed=             seed of everything random (default: 0)\n" in out
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


def test_a_bug_keeps_its_traceback(command: Callable[[Act], None]) -> None:
    command(_raises(ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError):
        main(["run"])
    command(_raises(UserError("bad")))
    with pytest.raises(UserError):
        main(["run", "--traceback"])


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
    from pathlib import Path

    from refbench.settings import ExecutorChoice

    value = {1: [ExecutorChoice("a", {"x": None})], "p": Path("/x"), "nan": float("nan"), "s": {"b", "a"}}
    assert plain(value) == {
        "1": [{"name": "a", "params": {"x": None}}],
        "p": "/x",
        "nan": "nan",
        "s": ["a", "b"],
    }
