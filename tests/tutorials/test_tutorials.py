"""Every tutorial is typed as it stands: its files written, its commands run, its output compared.

In a tutorial, a fenced block with ``title="path"`` is a file to write, a ``bash`` block is run, and a
``text`` block right after it is what the run must print: its lines in this order, ``...`` for anything.
Packages are installed into a folder of the test's own.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
TUTORIALS = [*sorted((DOCS / "tutorials").glob("*.md")), DOCS / "your_network.md"]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
LANGUAGES = {"bash", "text", "python", "yaml", "toml"}


@dataclass(frozen=True)
class Block:
    language: str
    title: str | None
    body: str


def blocks(text: str) -> Iterator[Block]:
    for found in FENCE.finditer(text):
        language, _, rest = found["info"].strip().partition(" ")
        title = TITLE.search(rest)
        yield Block(language, title[1] if title else None, found["body"])


def missing_line(expected: str, printed: str) -> str | None:
    """The first line of ``expected`` that ``printed`` does not have after the ones before it, or None."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for wanted in filter(None, (" ".join(line.split()) for line in expected.splitlines())):
        if wanted == "...":
            continue
        pattern = re.compile(".*".join(map(re.escape, wanted.split("..."))))
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


def environment(tools: Path, site: Path) -> dict[str, str]:
    """This interpreter's programs first, with a pip that installs into ``site`` and fetches nothing."""
    options = f"--quiet --no-index --no-deps --no-build-isolation --target {shlex.quote(str(site))}"
    pip = tools / "pip"
    pip.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pip "$@" {options}\n')
    pip.chmod(0o755)
    folders = [str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join(folders),
        "PYTHONPATH": str(site),
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "120",
    }


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial(path: Path, tmp_path: Path) -> None:
    work, tools = tmp_path / "work", tmp_path / "tools"
    work.mkdir()
    tools.mkdir()
    variables = environment(tools, tmp_path / "site")
    if "pip install" in path.read_text(encoding="utf-8"):
        pytest.importorskip("setuptools", minversion="77")
    printed: str | None = None
    for number, block in enumerate(blocks(path.read_text(encoding="utf-8")), 1):
        where = f"{path.name}, block {number}"
        assert block.language in LANGUAGES, f"{where}: {block.language!r} is neither run nor compared"
        if block.title is not None:
            target = work / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.body, encoding="utf-8")
        elif block.language == "bash":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.body],
                cwd=work, env=variables, text=True, encoding="utf-8", check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
            )  # fmt: skip
            printed = done.stdout
            assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{printed}"
        elif block.language == "text":
            assert printed is not None, f"{where}: no command before this output"
            missing = missing_line(block.body, printed)
            assert missing is None, f"{where}: expected {missing!r} in\n{printed}"
        else:
            raise AssertionError(f"{where}: a {block.language} block without title would go untested")


def test_there_are_tutorials_and_each_is_tested() -> None:
    assert TUTORIALS
    for path in TUTORIALS:
        assert any(block.language == "bash" for block in blocks(path.read_text(encoding="utf-8")))


def test_output_is_compared_line_by_line_in_order() -> None:
    printed = "a  1.25 dB\nb\nc\n"
    assert missing_line("a ... dB\n...\nc", printed) is None
    assert missing_line("b\na ...", printed) == "a ..."
    assert missing_line("a 1.25", printed) == "a 1.25"
    assert missing_line("d", printed) == "d"
