"""``--dry-run`` says what a run takes: from rows on disk, else from one image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.amounts import data_size, duration
from refbench.cli.main import main

WORDS = ["run", "suite=cufed5_jitter", "device=cpu", "tracking=none", "threads=1"]


def dry(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert main([*WORDS, *more, "--dry-run", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_without_rows_one_image_is_computed_and_nothing_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    found = dry(capsys, "method=bicubic", "limit=2", f"out={out}")["estimate"]
    (only,) = found["methods"]
    assert only["source"] == "one image computed now"
    assert only["images"] == 2 * (1 + 3 * 5)
    assert 0 < only["seconds"] < 60
    assert found["bytes"] > 32 * 3000
    assert not out.exists()


def test_rows_on_disk_are_what_it_is_made_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["method=bicubic", f"out={tmp_path}"]
    assert main([*WORDS, *more, "limit=1"]) == 0
    for rows in tmp_path.glob("*/samples.jsonl"):
        slow = [{**json.loads(line), "seconds": {"total": 7.0}} for line in rows.read_text().splitlines()]
        rows.write_text("".join(json.dumps(row) + "\n" for row in slow))
    capsys.readouterr()
    found = dry(capsys, *more, "limit=3")["estimate"]
    (only,) = found["methods"]
    assert only["source"] == "16 earlier rows"
    # two more images, in 16 versions each
    assert only["seconds"] == pytest.approx(32 * 7.0)
    images = [p.stat().st_size for p in tmp_path.glob("*/images/*.png")]
    assert found["bytes"] == pytest.approx(32 * (images[0] + 3000), rel=0.01)
    assert main([*WORDS, *more, "limit=3", "executor=local", "executor.workers=2", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "estimate: about 1 min 52 s on 2 processes, and " in said
    assert "(from 16 earlier rows)" in said
    assert dry(capsys, *more, "limit=1")["estimate"]["methods"] == []


def test_a_method_that_fails_has_no_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.py").write_text(
        "from refbench.specs import MethodSpec\n"
        "class Broken:\n"
        "    def __init__(self, weights, device): pass\n"
        "    def __call__(self, inp): raise ValueError('not today')\n"
        "SPEC = MethodSpec(name='broken', target='broken:Broken')\n"
    )
    more = [f"method={tmp_path / 'broken.py'}:SPEC", "against=none", "limit=1", f"out={tmp_path}"]
    assert main([*WORDS, *more, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "time unknown  (" in said
    assert "not today" in said
    assert "estimate: an unknown time, and " in said


def test_times_and_sizes_in_words() -> None:
    assert [duration(x) for x in (0.0, 60, 3661)] == ["1 s", "1 min", "1 h 1 min"]
    assert [data_size(x) for x in (1, 999_999, 1e6, 2.5e9)] == ["1 kB", "1000 kB", "1.0 MB", "2.5 GB"]
