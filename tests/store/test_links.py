"""Results folders are handed around: nothing is written through a link, and all is written in one place.

The first half walks every writer with a link planted where it writes; the last test reads the sources, so
that a new writer is one of them.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import refbench
from refbench.cli.main import main
from refbench.files.disk import atomic_file, check_links, make_folder, write_atomic

MINE = b"my precious file\nno newline at end"
SOURCES = Path(refbench.__file__).parent


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    """A file outside the results folder; it and its folder are the same afterwards."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine").write_bytes(MINE)
    yield folder / "mine"
    assert (folder / "mine").read_bytes() == MINE
    assert os.listdir(folder) == ["mine"]


def baseline(path: Path) -> None:
    from refbench.gate.baseline import Baseline, write_baseline

    fields = Baseline.__dataclass_fields__
    values: dict[str, Any] = {name: () if name == "cells" else "" for name in fields}
    write_baseline(path, Baseline(**values))


def state(path: Path) -> None:
    from refbench.training.state import save_state

    save_state(path, {"recipe": "x", "net": torch.zeros(2)})


def checkpoint(path: Path) -> None:
    from refbench.training.checkpoint import export

    export(path, torch.nn.Linear(2, 2), {"format": "x"})


@dataclass(frozen=True)
class Configuration:
    width: int = 2


def whole_model(path: Path) -> None:
    from refbench.weights.save import save_model

    save_model(torch.nn.Linear(2, 2), Configuration(), "x", path)


def curves(path: Path) -> None:
    from refbench.training.curves import draw_curves

    draw_curves(path, {"stage1": [{"step": 1, "loss": 1.0, "pck": 0.5}]}, "t")


def answer_of_a_child(path: Path) -> None:
    from refbench.profiling.child import main as child

    order = path.parent / "order.json"
    conditions = {"threads": 1}
    order.write_text(json.dumps({"kind": "nothing", "cell": {}, "conditions": conditions}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refbench.profiling.child.Order", SimpleNamespace(from_json=lambda data: None))
        patch.setattr("refbench.profiling.child.carry_out", lambda order: {"status": "ok"})
        child([str(order), str(path)])


def profile(path: Path) -> None:
    from refbench.profiling.profile import write_document

    path.symlink_to(path.parent / "other") if not path.is_symlink() else None
    write_document({"methods": []}, path.parent)


def png(path: Path) -> None:
    from refbench.imaging import write_png

    write_png(path, np.zeros((2, 2, 3), np.uint8))


def shipped_code(path: Path) -> None:
    from refbench.execution.ray.worker import write_once

    write_once(path, b"x")


def report_file(path: Path) -> None:
    from refbench.reports.files import put

    put(path.parent, path.name, "x")


def gate_page(path: Path) -> None:
    from refbench.cli.check import _write

    _write(path, "x")


WRITERS: dict[str, Callable[[Path], None]] = {
    "baseline": baseline, "state": state, "checkpoint": checkpoint, "whole_model": whole_model,
    "curves": curves, "child": answer_of_a_child, "profile.json": profile, "png": png,
    "ray": shipped_code, "report": report_file, "check": gate_page,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_in_the_place_of_a_file_is_replaced(name: str, mine: Path, tmp_path: Path) -> None:
    place = tmp_path / "results" / "x"
    place.mkdir(parents=True)
    target = place / (name if "." in name else "file")
    target.symlink_to(mine)
    WRITERS[name](target)
    assert not target.is_symlink()
    assert target.stat().st_size > 0
    assert [p.name for p in place.iterdir() if p.name.startswith(".tmp-")] == []


def test_folders_that_are_links_are_refused_below_the_root_only(mine: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "cell").mkdir(parents=True)
    root = tmp_path / "results"
    root.symlink_to(real)
    # what the user named may be a link
    write_atomic(root / "cell" / "a", b"x", root)
    (root / "images").symlink_to(mine.parent)
    for act in (
        lambda: write_atomic(root / "images" / "a", b"x", root),
        lambda: make_folder(root / "images", root),
        lambda: make_folder(root / "images" / "deeper", root),
        lambda: check_links(root / "images" / "deeper" / "a", root),
    ):
        with pytest.raises(OSError, match="is a symbolic link, which is not written through; remove it"):
            act()


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def interrupted() -> None:
        with atomic_file(tmp_path / "a") as stream:
            stream.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    out = tmp_path / "theirs"
    words = ["method=bicubic", "suite=cufed5", "limit=2", "tracking=none", "against=none"]
    assert main(["run", *words, f"out={out}"]) == 0
    return out


def test_report_symlink(theirs: Path, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Reporting and scoring somebody else's results folder changes no file of mine."""
    (theirs / "report").mkdir()
    (theirs / "report" / "report.md").symlink_to(mine)
    assert main(["report", str(theirs), "format=md"]) == 0
    assert not (theirs / "report" / "report.md").is_symlink()
    (cell,) = (path.parent for path in theirs.glob("*/samples.jsonl"))
    (cell / "scores.jsonl").symlink_to(mine)
    capsys.readouterr()
    assert main(["score", "metrics=[ssim_rgb]", f"out={theirs}"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"refbench: {cell / 'scores.jsonl'}: is a symbolic link, which is not written through; remove it"
    )


@pytest.mark.parametrize("what", ["report", "cell", "images", "summary", "lock", "manifest", "samples"])
def test_no_command_writes_through_a_link(
    what: str, theirs: Path, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = (path.parent for path in theirs.glob("*/samples.jsonl"))
    folder = {"report": theirs / "report", "cell": cell, "images": cell / "images"}.get(what)
    if folder is not None:
        if folder.exists():
            folder.rename(tmp_path / "moved")
        folder.symlink_to(mine.parent)
    else:
        file = cell / {"summary": "summary.json", "lock": ".lock", "manifest": "manifest.json"}.get(
            what, "samples.jsonl"
        )
        file.unlink(missing_ok=True)
        file.symlink_to(mine)
    words = ["method=bicubic", "suite=cufed5", "limit=3", "tracking=none", "against=none"]
    for argv in (
        ["run", *words, f"out={theirs}"],
        ["score", "metrics=[ssim_rgb]", f"out={theirs}"],
        ["report", str(theirs), "format=md"],
    ):
        assert main(argv) in (0, 1, 2)
        assert "Traceback" not in capsys.readouterr().err


ALLOWED = {
    # the one place, and the log of lines, which opens with O_NOFOLLOW
    "files/disk.py": {"os.open", "os.replace", "open"},
    "store/linelog.py": {"os.open"},
    "files/locks.py": {"os.open"},
    # a damaged file is renamed within its folder
    "store/manifest.py": {"os.replace"},
    "tracking/database.py": {"os.replace", "write_bytes"},
    # fetched into a temporary folder, checked, renamed
    "tracking/fetch.py": {"os.replace"},
    "untrusted/downloads/fetch.py": {"os.open", "os.replace"},
    # for reading, through no link
    "untrusted/files.py": {"os.open"},
    "untrusted/archives/unpack.py": {"os.open", "open", "rename"},
    # into folders of this process alone
    "profiling/process.py": {"write_text", "open"},
    "execution/ray/shipping.py": {"open", "rename"},
    "methods/command/method.py": {"open"},
    # not files of results
    "scaffold/method.py": {"write_text"},
    "isolation/child.py": {"open", "os.open"},
    "cli/main.py": {"os.open", "open"},
    # the file descriptors of this process
    "cli/output.py": {"open"},
    "execution/measure/memory.py": {"write_text"},
}
"""Where something other than refbench.files.disk may write, and with what."""


def writes(tree: ast.AST) -> Iterator[str]:
    """Calls that open a file for writing or put one in another's place."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        last = name.rpartition(".")[2]
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        modes += [
            k.value.value for k in node.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)
        ]
        if name in ("os.open", "os.replace", "os.rename"):
            yield name
        elif last == "open" and any(set(m) <= set("wax+bt") and set(m) & set("wax") for m in modes if m):
            yield last


def test_every_writer_goes_through_the_one_function() -> None:
    found: dict[str, set[str]] = {}
    for path in (p for p in SOURCES.rglob("*.py")):
        calls = set(writes(ast.parse(path.read_text(encoding="utf-8"))))
        if calls:
            found[path.relative_to(SOURCES).as_posix()] = calls
    for name, calls in found.items():
        assert calls <= ALLOWED.get(name, set()), f"{name}: write with refbench.files.disk.write_atomic"


@pytest.mark.parametrize(
    "name", ["images/000_d0.png\\u0000", "images/\\ud800.png", "i" * 5000], ids=["nul", "half", "long"]
)
def test_row_nul_image(name: str, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row that names an image no file can be: its image is gone, the other rows are scored."""
    (rows,) = theirs.glob("*/samples.jsonl")
    first, second = rows.read_text().splitlines()
    rows.write_text(f"{first.replace('images/000_d0.png', name)}\n{second}\n")
    capsys.readouterr()
    assert main(["score", "metrics=[ssim_rgb]", f"out={theirs}"]) in (0, 1)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    if "ud800" not in name:  # half a character: the line is not a row at all
        assert "1 rows without a kept image are not scored, such as 000 draw 0" in shown.out + shown.err
    assert len(rows.with_name("scores.jsonl").read_text().splitlines()) == 1
    assert main(["report", str(theirs), "format=html", f"report.dir={tmp_path / 'r'}"]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_pipe_in_the_place_of_rows_is_not_waited_for(
    theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rows,) = theirs.glob("*/samples.jsonl")
    os.mkfifo(rows.with_name("samples.2.jsonl"))
    capsys.readouterr()
    assert main(["report", str(theirs), "format=md", f"report.dir={tmp_path / 'r'}"]) == 0
    assert "samples.2.jsonl:1: not a row, left out: not JSON" in capsys.readouterr().err
