"""The goals of the bundled weights: what is compared with what, and one part measured by a real run."""

from __future__ import annotations

import json
from pathlib import Path

import goals
import numpy as np
import pytest
from PIL import Image

BEFORE = {"web right": 1.0, "views right": 2.0, "views grey": 1.5}


def test_goals_compare_the_right_numbers() -> None:
    values = {
        "web right": 1.3, "web grey": 1.1, "web wrong": 1.05, "views right": 2.6, "views grey": 1.7,
        "sample right": 4.6, "sample jitter": 4.55, "sample five": 3.0, "sample one": 2.8,
        "stereo right": 0.4,
    }  # fmt: skip
    found = {goal.text: (round(goal.value, 2), round(goal.least, 2), goal.met) for goal in
             goals.goals("datsr", values, BEFORE)}  # fmt: skip
    assert found == {
        "web: right over grey, each net (the best: +0.25)": (0.2, 0.15, True),
        "web: wrong over grey": (-0.05, -0.02, False),
        "web: gain over bicubic, not below before": (1.3, 1.0, True),
        "views: right over grey, 0.3 above before": (0.9, 0.8, True),
        "sample: gain of the right reference": (4.6, 4.5, True),
        "sample: the right reference under jitter x1 less without": (-0.05, -0.1, True),
    }
    several = {goal.text: goal.met for goal in goals.goals("mrefsr", values, {})}
    assert several["sample: five references over one, random order"] is False
    assert not [text for text in several if "before" in text], "without earlier numbers there is no such goal"
    assert "stereo: over bicubic, which matches nothing" in [
        g.text for g in goals.goals("edvr_ref", values, {})
    ]


def test_the_tables_name_what_is_missed_and_by_how_much() -> None:
    measured = {"ttsr": {"sample right": 3.0, "sample jitter": 2.75}}
    assert goals.table(measured).splitlines()[2:] == ["| sample right | +3.00 |", "| sample jitter | +2.75 |"]
    assert goals.verdicts(measured, {}).splitlines()[-1].endswith("| -0.10 | -0.25 | **missed by 0.15** |")


@pytest.mark.slow
def test_a_part_is_measured_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).resize((80, 64), Image.Resampling.BICUBIC).save(tmp_path / name)
    monkeypatch.setattr(goals, "VIEWS", {"same": ("a.png", "b.png", 1)})
    monkeypatch.setattr(goals, "INPUT_SIZE", (64, 48))
    monkeypatch.setattr(goals, "REFERENCE_SIZE", (80, 64))
    arguments = ["ttsr", "--opencv", str(tmp_path), "--parts", "views", "--out", str(tmp_path / "out")]
    assert goals.main([*arguments, "--save", str(tmp_path / "saved.json")]) == 0
    saved = json.loads((tmp_path / "saved.json").read_text())["ttsr"]
    assert set(saved) == {"views right", "views grey", "views wrong"}
    assert saved["views right"] > saved["views grey"] - 0.05
    assert f"| views right | {saved['views right']:+.2f} |" in capsys.readouterr().out
    assert Image.open(tmp_path / "out" / "views" / "input" / "motorcycle.png").size == (64, 48)
