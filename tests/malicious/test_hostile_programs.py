"""Programs behind ``method.cmd`` and ``method=external`` that answer with hostile files and messages."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import build_files as build
import numpy as np
import pytest

from refbench.cli.main import main
from refbench.errors import SampleError
from refbench.execution.call import Images, Settings, call
from refbench.isolation.child import MAGIC, MAX_HEADER
from refbench.methods.command.method import Command
from refbench.methods.external.method import External

READ_IN_SPITE = {"text-bomb", "profile-bomb", "polyglot", "truncated-data", "wrong-checksum"}
"""What Pillow may read in spite of the rest is an image like any other."""


def images() -> Images:
    return Images(np.full((4, 4, 3), 90, np.uint8), (np.full((16, 16, 3), 9, np.uint8),))


def one_line(text: str) -> None:
    assert text
    assert text.isprintable()
    assert len(text) < 1000
    assert "Traceback" not in text


def answer(method: Any) -> str:
    """The problem of a call in one line; empty where it made an image."""
    done = call(method, images(), Settings())
    if done.problem is None:
        assert done.sr is not None
        assert done.sr.shape == (16, 16, 3)
        return ""
    one_line(done.problem.text)
    return str(done.problem.text)


@pytest.mark.parametrize("name", build.IMAGES)
def test_a_command_that_writes_it_as_sr(name: str, outside: Path, little_growth: None) -> None:
    build.IMAGES[name](outside / "bad.png")
    method = Command(None, "cpu", cmd=f"env LR={{lr}} cp {outside}/bad.png {{out}}")
    assert answer(method) or name in READ_IN_SPITE
    assert not (outside / "executed").exists()


OTHER: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link to a file of mine": (lambda p: p.symlink_to(p.parent / "secret"), "-P"),
    "a link that leads nowhere": (lambda p: p.symlink_to("nowhere"), "-P"),
    "a link to itself": (lambda p: p.symlink_to(p.name), "-P"),
    "a device": (lambda p: p.symlink_to("/dev/zero"), "-P"),
    "a pipe": (os.mkfifo, "-R"),
    "a folder": (Path.mkdir, "-R"),
}


@pytest.mark.parametrize("name", OTHER)
def test_a_command_whose_sr_is_no_file(name: str, outside: Path, little_growth: None) -> None:
    (outside / "secret").write_text("password")
    make, flag = OTHER[name]
    make(outside / "bad")
    said = answer(Command(None, "cpu", cmd=f"env LR={{lr}} cp {flag} {outside}/bad {{out}}"))
    assert said
    assert "password" not in said


def test_names_and_words_are_never_commands(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sample whose name is a command, and fields inside of words."""
    from PIL import Image as PilImage

    wild = "$(touch executed); touch executed `touch executed` && --help"
    for part in ("input", "ref"):
        (outside / "data" / part).mkdir(parents=True)
        PilImage.new("RGB", (32, 32)).save(outside / "data" / part / f"{wild}.png")
    script = outside / "up.py"
    script.write_text(
        "import sys\nfrom PIL import Image\n"
        "i = Image.open(sys.argv[1]); i.resize((i.width * 4, i.height * 4)).save(sys.argv[2])\n"
        "open(sys.argv[3], 'a').write(sys.argv[4] + chr(10))\n"
    )
    cmd = f"{sys.executable} {script} {{lr}} {{out}} {outside}/seen x{{id}}"
    words = ["method=command", f"method.cmd={cmd}", "suite=pairs", f"data.root={outside}/data"]
    more = ["against=none", "tracking=none", f"out={outside}/out", "threads=1"]
    assert main(["run", *words, *more]) == 0
    assert "1 image computed, 0 reused, 0 errors" in capsys.readouterr().out
    assert (outside / "seen").read_text().startswith("x")
    assert not list(outside.rglob("executed"))


def test_what_a_program_prints_steers_no_terminal_and_no_row(outside: Path) -> None:
    script = outside / "loud.py"
    script.write_text(
        "import sys\nsys.stderr.buffer.write(b'\\x1b]0;owned\\x07\\x1b[2J\\0\\xff' + b'y' * 9000000)\n"
        "sys.exit(3)\n"
    )
    said = answer(Command(None, "cpu", cmd=f"{sys.executable} {script} {{lr}} {{out}}"))
    assert "exit code 3" in said


def frame(header: object, payload: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MAGIC + struct.pack("<I", len(text) if length is None else length) + text + payload


def result(*arrays: object, payload: bytes = b"", **more: object) -> bytes:
    return frame({"type": "result", "arrays": list(arrays), **more}, payload)


ANSWERS: dict[str, bytes] = {
    "another program": b"Welcome!\n",
    "a pickle": b"\x80\x04cos\nsystem\n",
    "a header of 4 GB": frame(b"", length=2**32 - 1),
    "a header just too long": frame(b"", length=MAX_HEADER + 1),
    "a header that is not JSON": frame(b"\xff\xfe{"),
    "nested JSON": frame(b"[" * 60_000),
    "no object": frame([1, 2]),
    "no type": frame({"arrays": []}),
    "a type that is a list": frame({"type": ["result"], "arrays": []}),
    "another type": frame({"type": "ready", "arrays": []}),
    "no array": result(),
    "objects": result({"dtype": "object", "shape": [1]}, payload=bytes(8)),
    "terabytes": result({"dtype": "float32", "shape": [1 << 40]}),
    "a negative shape": result({"dtype": "float32", "shape": [-3, 16, 16]}),
    "another shape": result({"dtype": "float32", "shape": [3, 8, 8]}, payload=bytes(3 * 64 * 4)),
    "whole numbers": result({"dtype": "uint8", "shape": [3, 16, 16]}, payload=bytes(768)),
    "not numbers": result({"dtype": "float32", "shape": [3, 16, 16]}, payload=b"\xff" * 3072),
    "fewer bytes than announced": result({"dtype": "float32", "shape": [3, 16, 16]}, payload=bytes(9)),
    "costs that are not numbers": result(
        {"dtype": "float32", "shape": [3, 8, 8]},
        payload=bytes(768),
        cost={"wall_s": "x" * 99, "cpu_s": 1e999},
    ),
    "escapes in its error": frame({"type": "error", "kind": "\x1b[2J", "error": "\x1b]0;owned\x07\nsecond"}),
    "an error without end": frame({"type": "error", "error": "e" * 60_000}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_external_program_that_answers_so(name: str, outside: Path, little_growth: None) -> None:
    (outside / "answer").write_bytes(ANSWERS[name])
    program = outside / "python"
    # it says that it is ready, and answers the first call
    ready = frame({"type": "ready", "arrays": []})
    (outside / "ready").write_bytes(ready)
    program.write_text(
        f"#!{sys.executable}\nimport sys, time\nout = sys.stdout.buffer\n"
        f"for name in ('ready', 'answer'):\n"
        f"    sys.stdin.buffer.read(16)\n"
        f"    out.write(open({str(outside)!r} + '/' + name, 'rb').read())\n"
        f"    out.flush()\n"
        f"sys.stdin.buffer.read()\n"
    )
    program.chmod(0o755)
    (outside / "net.py").write_text("")
    method = External(None, "cpu", target=f"{outside}/net.py:Net", python=str(program), timeout=5.0)
    try:
        assert answer(method)
    finally:
        method.close()


def test_the_tail_of_a_dead_program_is_clean(outside: Path) -> None:
    with pytest.raises(SampleError) as caught:
        Command(None, "cpu", cmd="sh -c 'printf \"\\033[2Jowned\" >&2; exit 1' {lr} {out}")(
            images().on(__import__("torch").device("cpu"))
        )
    assert "owned" in str(caught.value)
