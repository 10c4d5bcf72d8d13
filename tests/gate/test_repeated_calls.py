"""``repeat=2``: a method whose results differ between calls is named, and then gated by its mean alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbench.cli.main import main

pytestmark = pytest.mark.slow

METHOD = """
import torch

from refbench.specs import MethodSpec


class Up:
    def __init__(self, weights=None, device="cpu"):
        self.calls = 0

    def __call__(self, inp):
        self.calls += 1
        up = inp.lr.repeat_interleave(4, 1).repeat_interleave(4, 2)
        {change}
        return up


SPEC = MethodSpec("mine", ":Up", max_refs=0, uses_reference=False)
"""
UNSEEDED = "up = up + 0.05 * (self.calls % 2) * torch.rand_like(up)"
SECOND_FAILS = "assert self.calls < 2, 'only once'"


def words(folder: Path, change: str, out: str, *more: str) -> list[str]:
    (folder / "mine.py").write_text(METHOD.replace("{change}", change))
    given = [f"method={folder}/mine.py:SPEC", f"out={folder}/{out}", "against=none"]
    given += [] if any(w.startswith("limit=") for w in more) else ["limit=3"]
    return ["run", *given, "tracking=none", "images=none", "metrics=[psnr_y]", "threads=1", *more]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_flaky_method_is_named_and_gated_by_its_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = f"baseline={tmp_path}/b.json"
    assert main(words(tmp_path, "up = up.clamp(0, 1)", "plain")) == 0
    assert main(["check", baseline, f"run={tmp_path}/plain", "--update"]) == 0
    assert main(words(tmp_path, UNSEEDED, "once")) == 0
    assert main(["check", baseline, f"run={tmp_path}/once"]) == 1
    said(capsys)
    assert main(words(tmp_path, UNSEEDED, "twice", "repeat=2")) == 0
    assert "mine is flaky: two calls on the same input differ by up to" in said(capsys)
    # three images that lost much: the interval of so few holds zero or not, but no single image decides
    code = main(["check", baseline, f"run={tmp_path}/twice"])
    text = said(capsys)
    assert "flaky: two calls on the same input differ by up to" in text
    assert "the interval of the mean decides alone; seed it for each call" in text
    assert "lost more than" not in text
    assert code in (0, 1)


def test_equal_calls_are_recorded_and_change_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, "pass", "out")) == 0
    assert main(["check", f"baseline={tmp_path}/b.json", f"run={tmp_path}/out", "--update"]) == 0
    said(capsys)
    # rows without a second call are computed anew, rows with one are not
    assert main(words(tmp_path, "pass", "out", "repeat=2")) == 0
    assert "3 images computed, 0 reused" in said(capsys)
    assert main(words(tmp_path, "pass", "out", "repeat=2")) == 0
    text = said(capsys)
    assert "0 images computed, 3 reused" in text
    assert "flaky" not in text
    (path,) = tmp_path.glob("out/*/samples.jsonl")
    row = json.loads(path.read_text().splitlines()[-1])
    assert set(row["repeated"].values()) == {0.0}
    assert main(["check", f"baseline={tmp_path}/b.json", f"run={tmp_path}/out"]) == 0
    assert "flaky" not in said(capsys)


def test_a_second_call_that_fails_is_an_error_of_the_method(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, SECOND_FAILS, "out", "limit=1", "repeat=2")) == 1
    (path,) = tmp_path.glob("out/*/samples.jsonl")
    row = json.loads(path.read_text().splitlines()[0])
    assert row["error"].startswith("the second call on the same input failed: AssertionError: only once")


def test_three_calls_are_not_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path, "pass", "out", "repeat=3")) == 2
    assert "repeat=3: give 1, or 2 to compare two calls on the same input" in capsys.readouterr().err
