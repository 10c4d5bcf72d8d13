"""Readable links to cells: they lead to the right rows, never out of the folder, and count nothing twice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from refbench.cli.main import main
from refbench.results.cells import load_cells
from refbench.results.readable import method_folders

RUN = ("run", "method=bicubic", "suite=cufed5", "limit=1", "tracking=none", "--plain")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("readable") / "r"
    assert main([*RUN, f"out={out}"]) == 0
    return out


def test_a_run_leaves_a_readable_link_to_its_cell(results: Path) -> None:
    link = results / "cufed5-sample" / "bicubic" / "canonical@1"
    assert link.is_symlink()
    assert not os.path.isabs(os.readlink(link))
    key = json.loads((link / "manifest.json").read_text())["run_key"]
    assert link.resolve().parent == results.resolve()
    assert key.startswith(link.resolve().name)


def test_links_count_no_cell_twice(results: Path) -> None:
    link = results / "cufed5-sample" / "bicubic" / "canonical@1"
    assert len(load_cells([results]).cells) == 1
    assert len(load_cells([results, link]).cells) == 1


def test_merge_leaves_links_alone(results: Path, tmp_path: Path) -> None:
    assert main(["merge", str(results), f"out={tmp_path / 'all'}"]) == 0
    assert len(load_cells([tmp_path / "all"]).cells) == 1


def test_no_link_is_made_through_a_link_of_somebody_else(results: Path, tmp_path: Path) -> None:
    cells = load_cells([results]).cells
    other = tmp_path / "elsewhere"
    other.mkdir()
    kept = results / "cufed5-sample"
    kept.rename(tmp_path / "kept")
    try:
        kept.symlink_to(other, target_is_directory=True)
        assert list(method_folders(results, cells).values()) == [cells[0].path]
        assert list(other.iterdir()) == []
    finally:
        kept.unlink()
        (tmp_path / "kept").rename(kept)


def test_what_is_no_link_stays(results: Path) -> None:
    cells = load_cells([results]).cells
    link = results / "cufed5-sample" / "bicubic" / "canonical@1"
    aim = os.readlink(link)
    link.unlink()
    link.write_text("mine")
    assert list(method_folders(results, cells).values()) == [cells[0].path]
    assert link.read_text() == "mine"
    link.unlink()
    link.symlink_to("nowhere")
    assert list(method_folders(results, cells).values()) == [link.parent]
    assert os.readlink(link) == aim


def test_the_last_lines_say_where_images_are(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, f"out={results}"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"images  bicubic  {results / 'cufed5-sample' / 'bicubic'}"
