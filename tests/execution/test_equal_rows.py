"""Cells that are equal by construction are not computed again, and say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refbench.cli.main import main
from refbench.execution.worker import InProcess

NUMBERS = """
dataset: cufed5
multi: [fuse, per_patch, average]
protocols:
  - {control: true}
  - {reference: {policy: count, count: 5, order: best}}
  - {reference: {policy: count, count: 1, order: worst}}
  - {reference: {policy: count, count: 2, order: worst}}
"""


def rows_of(out: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, protocol) -> the one row of each cell."""
    found = {}
    for manifest in out.glob("*/manifest.json"):
        facts = json.loads(manifest.read_text())
        row = json.loads((manifest.parent / "samples.jsonl").read_text())
        found[facts["method"], facts["protocol"]] = row
        assert (manifest.parent / row["image"]).is_file()
    return found


def run(tmp_path: Path, *words: str) -> list[str]:
    suite = tmp_path / "numbers.yaml"
    suite.write_text(NUMBERS)
    given = [
        f"suite={suite}",
        f"out={tmp_path}/out",
        "limit=1",
        "metrics=[psnr_y]",
        "tracking=none",
        "threads=1",
    ]
    return ["run", *given, *words]


def test_rows_are_repeated_where_nothing_that_is_read_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []
    plain = InProcess.call
    monkeypatch.setattr(InProcess, "call", lambda *args: calls.append(1) or plain(*args))
    assert main(run(tmp_path, "method=ttsr", "method.multi=first")) == 0
    said = " ".join(capsys.readouterr().out.split())
    # ttsr with the best and with the worst reference, bicubic once
    assert len(calls) == 3
    assert "3 images computed, 0 reused, 5 equal by construction, 0 errors" in said
    assert "was not computed, equal by construction to canonical@1+ref=1worst: canonical@1+ref=2worst" in said
    assert "uses 1 of 5 references: canonical@1+ref=5best" in said
    rows = rows_of(tmp_path / "out")
    five, one = rows["ttsr", "canonical@1+ref=5best"], rows["ttsr", "canonical@1"]
    assert five["equal_to"]["protocol"] == "canonical@1"
    assert five["metrics"] == one["metrics"]
    assert five["sr_sha256"] == one["sr_sha256"]
    assert (len(five["ref_sha256"]), five["ref_sha256"][0]) == (5, one["ref_sha256"][0])
    assert not one["equal_to"]
    # a second run finds them finished
    assert main(run(tmp_path, "method=ttsr", "method.multi=first")) == 0
    assert "0 images computed, 8 reused, 0 errors" in capsys.readouterr().out


def test_suites_of_several_references_make_a_method_use_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run(tmp_path, "method=ttsr", "against=none")) == 0
    said = capsys.readouterr().out
    assert "4 images computed, 0 reused, 0 errors" in said
    assert " uses " not in said
    rows = rows_of(tmp_path / "out")
    assert rows["ttsr", "canonical@1+ref=5best"]["refs_read"] == [0, 1, 2, 3, 4]


def test_a_claim_that_the_pixels_deny_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Were a method taken for one that reads the first reference only, and the first differs: computed."""
    monkeypatch.setattr("refbench.plan.equality._policy", lambda policy, read: 0)
    assert main(run(tmp_path, "method=ttsr", "method.multi=first", "against=none")) == 0
    assert "3 images computed, 0 reused, 1 equal by construction, 0 errors" in capsys.readouterr().out


def test_shards_compute_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(run(tmp_path, "method=bicubic", "shard=1/1")) == 0
    assert "4 images computed, 0 reused, 0 errors" in capsys.readouterr().out
