"""Hostile results and audit files through ``site``: pages that run nothing, or one line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import build_files as build
import pytest

from refbench.cli.main import main
from refbench.store import find_runs

JS = ("table", "site")
"""The site's own scripts."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one kept image."""
    place = tmp_path_factory.mktemp("finished")
    for folder in ("input", "ref"):
        (place / "data" / folder).mkdir(parents=True)
        (place / "data" / folder / "good.png").write_bytes(build.png(32, 32, build.pixels(32, 32)))
    words = ["suite=pairs", f"data.root={place / 'data'}", f"out={place / 'results'}", "--plain"]
    assert main(["run", "method=bicubic", *words, "tracking=none", "against=none"]) == 0
    return place


@pytest.fixture
def cell(finished: Path, outside: Path) -> Path:
    """A copy of its only cell to spoil."""
    [source] = find_runs(finished / "results")
    return shutil.copytree(source, outside / "results" / source.name)


def site(cell: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and what was said, which steers no terminal."""
    code = main(["site", str(cell.parent), f"out={cell.parents[1] / 'site'}", *words])
    shown = capsys.readouterr()
    for stream in (shown.out, shown.err):
        assert all(c.isprintable() or c in "\n\t" for c in stream)
        assert "Traceback" not in stream
    return code, shown.out + shown.err


def pages(cell: Path) -> dict[str, str]:
    """Address in the site -> text."""
    top = cell.parents[1] / "site"
    return {str(p.relative_to(top)): p.read_text(encoding="utf-8") for p in top.rglob("*.html")}


class Tags(HTMLParser):
    """Tags of a page with their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def runs_and_leads_nowhere(cell: Path) -> None:
    """No script, handler or address but those of the templates."""
    top = (cell.parents[1] / "site").resolve()
    for name, text in pages(cell).items():
        for tag, attributes in Tags(text).found:
            assert not any(key.startswith("on") for key in attributes), (name, tag)
            assert tag != "script" or attributes["src"] in (
                f"{up}assets/{js}.js" for up in ("", "../") for js in JS
            )
            for address in filter(None, (attributes.get("src"), attributes.get("href"))):
                if address != "data:," and not address.startswith("https://"):
                    assert ":" not in address, (name, address)
                    target = (top / name).parent.joinpath(address.partition("#")[0]).resolve()
                    assert target.is_relative_to(top), (name, address)


def test_names_from_rows_and_manifests_are_text(
    cell: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row: dict[str, Any] = json.loads((cell / "samples.jsonl").read_bytes())
    named = [json.dumps({**row, "sample_id": name, "error": name}).encode() for name in build.NAMES]
    (cell / "samples.jsonl").write_bytes(b"\n".join([json.dumps(row).encode(), *build.ROWS.values(), *named]))
    manifest = json.loads((cell / "manifest.json").read_text())
    wild = '../../<script>alert(1)</script>" onload="alert(1)\x1b[2J'
    labels = dict.fromkeys(("method", "method_label", "dataset", "dataset_label", "protocol"), wild)
    (cell / "manifest.json").write_text(json.dumps({**manifest, **labels, "suite": wild}))
    code, _ = site(cell, capsys, f"title={wild}")
    assert code == 0
    assert any("alert(1)" in text for text in pages(cell).values())
    runs_and_leads_nowhere(cell)


IMAGES: dict[str, Callable[[Path], object]] = {
    **build.IMAGES,
    "a link to a file of mine": lambda p: p.symlink_to("/etc/passwd"),
    "a pipe": os.mkfifo,
    "a device": lambda p: p.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_kept_image_is_copied_as_a_png_or_left_out(
    name: str, cell: Path, outside: Path, capsys: pytest.CaptureFixture[str], little_growth: None
) -> None:
    [image] = (cell / "images").iterdir()
    image.unlink()
    IMAGES[name](image)
    code, _ = site(cell, capsys)
    assert code == 0
    runs_and_leads_nowhere(cell)
    for copy in (outside / "site" / "images").rglob("*.*"):
        assert copy.read_bytes().startswith(b"\x89PNG")
        assert copy.stat().st_size <= 8 << 20
    assert not (outside / "executed").exists()


def test_an_image_elsewhere_is_not_copied(
    cell: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outside / "mine.png").write_bytes(build.png(16, 16, build.pixels()))
    row = json.loads((cell / "samples.jsonl").read_bytes())
    for image in ("../../mine.png", str(outside / "mine.png"), "images/../../../mine.png", "images/\0.png"):
        (cell / "samples.jsonl").write_text(json.dumps({**row, "image": image}) + "\n")
        site(cell, capsys)
        assert not list((outside / "site").glob("images/*/*"))


SPOILT = {
    "list": "[]", "nested": "[" * 100_000, "nan": '{"cells": NaN}', "empty": "", "binary": "\0\1",
    "huge-int": '{"cells": ' + "9" * 5000 + "}", "cells": '{"cells": [3]}',
    "no cells": '{"verdict": "holds"}',
    "wrong": '{"verdict": [], "cells": [{"run_key": [], "digest": {}, "verdict": "\\u001b[2J<script>"}]}',
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_an_audit_file_is_one_line(
    name: str, cell: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outside / "audit.json").write_text(SPOILT[name])
    code, said = site(cell, capsys, f"audits={outside / 'audit.json'}")
    assert code == 2
    assert said.count("\n") == 1
    assert "audit.json" in said
    assert not (outside / "site").exists()


@pytest.mark.parametrize("make", [os.mkfifo, lambda p: p.symlink_to("/dev/zero"), Path.mkdir])
def test_an_audit_file_that_is_none(
    make: Callable[[Path], object], cell: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(outside / "audit.json")
    code, said = site(cell, capsys, f"audits={outside / 'audit.json'}")
    assert (code, said.count("\n")) == (2, 1)


def test_nothing_is_written_through_a_link_of_an_earlier_site(
    cell: Path, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site(cell, capsys)[0] == 0
    mine = outside / "mine"
    mine.mkdir()
    (mine / "x.html").write_text("precious")
    index, methods = outside / "site" / "index.html", outside / "site" / "methods"
    index.unlink()
    index.symlink_to(mine / "x.html")
    for page in methods.iterdir():
        page.unlink()
    methods.rmdir()
    methods.symlink_to(mine)
    site(cell, capsys)
    assert {p.name: p.read_text() for p in mine.iterdir()} == {"x.html": "precious"}
