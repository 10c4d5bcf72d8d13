"""A whole run: what it writes, that it repeats itself, and that a killed one ends with the same weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from refbench.datasets.photos.split import refuse_held_out
from refbench.errors import UserError
from refbench.training import loop
from refbench.training.fields import merged
from refbench.training.run import TrainingResult, train


def silent(line: str) -> None:
    """No output."""


def _same(a: Path, b: Path) -> bool:
    first, second = load_file(a), load_file(b)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


class Killed(Exception):
    """Stands for a kill."""


def test_run_writes_a_checkpoint_that_says_what_it_is(tiny_config: Mapping[str, Any]) -> None:
    lines: list[str] = []
    published: list[TrainingResult] = []
    path = train(tiny_config, lines.append, refuse_held_out, published.append)
    with safe_open(path, "pt") as file:  # type: ignore[no-untyped-call]
        meta = file.metadata()
        names = set(file.keys())
        halves = {k for k in names if file.get_tensor(k).dtype == torch.float16}
        assert halves
        exact = {k: file.get_tensor(k) for k in names - halves}
        assert all(v.numel() <= 16 or k.endswith("_index") for k, v in exact.items()), "constants stay exact"
    assert meta["method"] == "datsr"
    assert json.loads(meta["config"])["widths"] == [4, 4, 8]
    assert json.loads(meta["recipe"])["stage2"]["steps"] == 4
    assert "photos" not in json.loads(meta["recipe"])["data"]
    assert meta["data_fingerprint"] == published[0].data_fingerprint
    curve = json.loads(meta["curve"])
    assert {"pck1", "pck2", "pck4"} <= set(curve["stage1-student"][-1])
    assert {"good", "unrelated", "none", "loss", "step"} <= set(curve["stage2"][-1])
    assert published[0].curves.read_bytes().startswith(b"\x89PNG")
    assert any(line.startswith("stage2") and "CPU min" in line for line in lines)


def test_same_seed_same_weights_other_seed_other_weights(
    tiny_config: Mapping[str, Any], tmp_path: Path
) -> None:
    first = train(tiny_config, silent, refuse_held_out)
    again = train({**tiny_config, "out": str(tmp_path / "again")}, silent, refuse_held_out)
    other = train({**tiny_config, "seed": 4}, silent, refuse_held_out)
    assert _same(first, again)
    assert not _same(first, other)


def test_pairs_made_ahead_by_other_processes_are_the_same_pairs(
    tiny_config: Mapping[str, Any], tmp_path: Path
) -> None:
    alone = train(tiny_config, silent, refuse_held_out)
    ahead = merged(tiny_config, {"out": str(tmp_path / "ahead"), "train": {"workers": 2}})
    assert _same(alone, train(ahead, silent, refuse_held_out))
    lines: list[str] = []
    train(tiny_config, lines.append, refuse_held_out)
    train({**tiny_config, "out": ahead["out"]}, lines.append, refuse_held_out)
    resumed = [line for line in lines if line == "stage2  resuming after step 4"]
    assert len(resumed) == 2, "workers belong to the machine, not to the recipe"


@pytest.mark.parametrize("stage", ["stage1-student", "stage2"])
def test_a_killed_run_ends_as_an_uninterrupted_one(
    tiny_config: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    whole = train(tiny_config, silent, refuse_held_out)
    step: Callable[..., None] = loop.Loop._step

    def dies(self: loop.Loop, number: int) -> None:
        if self.plan.stage == stage and number == 3:
            raise Killed
        step(self, number)

    config = {**tiny_config, "out": str(tmp_path / "killed")}
    monkeypatch.setattr(loop.Loop, "_step", dies)
    with pytest.raises(Killed):
        train(config, silent, refuse_held_out)
    monkeypatch.undo()
    lines: list[str] = []
    resumed = train(config, lines.append, refuse_held_out)
    assert f"{stage}  resuming after step 2" in lines
    assert _same(whole, resumed)


def test_max_steps_stops_early_and_a_longer_run_goes_on_to_the_same_end(
    tiny_config: Mapping[str, Any], tmp_path: Path
) -> None:
    whole = train(tiny_config, silent, refuse_held_out)
    config = merged(tiny_config, {"out": str(tmp_path / "short"), "train": {"max_steps": 2}})
    short = train(config, silent, refuse_held_out)
    with safe_open(short, "pt") as file:  # type: ignore[no-untyped-call]
        assert file.metadata()["steps"] == "2"
    assert not _same(short, whole)


def test_a_state_cools_down_early_for_a_smaller_budget(
    tiny_config: Mapping[str, Any], tmp_path: Path
) -> None:
    """One run gives the curve of gain against budget: until the rate falls, all budgets are one run."""
    config = merged(tiny_config, {"train": {"stage1": {"teacher": 0, "student": 0}, "stage2": {"steps": 8}}})
    train(merged(config, {"train": {"max_steps": 3}}), silent, refuse_held_out)
    shutil.copytree(tmp_path / "out", tmp_path / "branch")
    small = merged(config, {"train": {"budget": 4}})
    lines: list[str] = []
    branch = train({**small, "out": str(tmp_path / "branch")}, lines.append, refuse_held_out)
    assert "stage2  resuming after step 3" in lines
    assert _same(branch, train({**small, "out": str(tmp_path / "whole")}, silent, refuse_held_out))
    train(config, silent, refuse_held_out)
    with pytest.raises(UserError, match=r"is at step 8 of 8; a budget of 4 has its rate until step 3 only"):
        train(small, silent, refuse_held_out)


def test_another_recipe_does_not_resume(tiny_config: Mapping[str, Any]) -> None:
    train(tiny_config, silent, refuse_held_out)
    with pytest.raises(UserError, match="another recipe or data; choose another out="):
        train(merged(tiny_config, {"train": {"stage2": {"batch": 1}}}), silent, refuse_held_out)


def test_unknown_method_and_key_are_one_line(tiny_config: Mapping[str, Any]) -> None:
    with pytest.raises(UserError, match="did you mean 'datsr'"):
        train({**tiny_config, "method": "dats"}, silent, refuse_held_out)
    with pytest.raises(UserError, match=r"no key train.stage2.bach; did you mean 'batch'"):
        train(merged(tiny_config, {"train": {"stage2": {"bach": 1}}}), silent, refuse_held_out)
    with pytest.raises(UserError, match=r"train.net: channels .* multiples of groups"):
        train(merged(tiny_config, {"train": {"net": {"groups": 3}}}), silent, refuse_held_out)
