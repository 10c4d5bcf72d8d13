"""Descriptor 1 belongs to the document, with and without ``--json``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CODE = """
import os, subprocess
from refbench.cli.output import Output
output = Output({json})
with output.guarded():
    os.write(1, b"written in C\\n")
    subprocess.run(["echo", "a child"], check=True)
    print("printed")
    output.line("a line")
    output.emit({{"document": 1}})
output.line("afterwards")
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_c_code_and_children_write_to_stderr() -> None:
    done = python(CODE.format(json=False))
    assert done.stdout == "printed\na line\nafterwards\n"
    assert done.stderr == "written in C\na child\n"


def test_with_json_python_code_does_too() -> None:
    done = python(CODE.format(json=True))
    assert done.stdout == '{\n  "document": 1\n}\n'
    assert sorted(done.stderr.splitlines()) == ["a child", "a line", "afterwards", "printed", "written in C"]


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_reader_that_goes_is_no_crash(flags: list[str]) -> None:
    """As ``refbench list metrics | true``."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "refbench", "list", "metrics", *flags]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_closed_stdout_check(tmp_path: Path) -> None:
    """No command needs a stdout, and a closed one is not a verdict of the gate (exit code 1)."""
    refbench = [sys.executable, "-m", "refbench"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = ["run", "method=bicubic", "limit=2", "against=none", "tracking=none", "images=none"]
    check = ["check", f"baseline={tmp_path}/b.json", f"run={tmp_path}/r"]
    for command in ([*words, f"out={tmp_path}/r"], [*check, "--update"]):
        subprocess.run([*refbench, *command], check=True, capture_output=True, env=environment)
    for command in (["list"], check):
        for closing in (">&-", ">&- 2>&-"):
            shell = ["sh", "-c", f'exec "$@" {closing}', "sh", *refbench, *command]
            done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False, env=environment)
            assert (done.returncode, "Traceback" in done.stderr) == (0, False), (command, closing)
