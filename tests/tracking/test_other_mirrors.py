"""Trainings and profiles in MLflow: what they hold, and that a repetition adds nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from refbench.tracking.local import local_uri
from refbench.tracking.profile import publish_profile
from refbench.tracking.quiet import quiet
from refbench.tracking.training import publish_training
from refbench.training.checkpoint import export, metadata
from refbench.training.recipe import Recipe
from refbench.training.run import TrainingResult


def rows(steps: int) -> list[dict[str, float]]:
    return [{"step": s, "loss": 1 / s, "good": 0.1 * s, "cpu_seconds": 2.0 * s} for s in range(1, steps + 1)]


def trained(folder: Path, steps: int) -> TrainingResult:
    recipe = Recipe("datsr", "compact", seed=3, data="/home/me/photos", max_steps=steps)
    stages = {"stage1-student": [{"step": 5, "loss": 0.5, "cpu_seconds": 1.0}], "stage2": rows(steps)}
    facts = {
        "data_fingerprint": "f" * 64, "data_photos": ["a", "b"], "curve": stages, "steps": steps,
        "cpu_seconds": 120.0,
    }  # fmt: skip
    place = folder / "datsr-compact-seed3"
    torch.manual_seed(0)
    net = torch.nn.Linear(3, 2)
    path = place / "compact.safetensors"
    export(path, net, metadata("datsr", "{}", replace(recipe, data="").to_json(), facts))
    (place / "curves.png").write_bytes(b"png")
    (place / "curves.json").write_text(json.dumps(stages))
    return TrainingResult(path, place / "curves.png", recipe, stages, "f" * 64)


def client(out: Path) -> Any:
    with quiet():
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=local_uri(out))


def artifacts(out: Path, run_id: str | None) -> Path:
    return out / "mlartifacts" / str(run_id) / "artifacts"


def test_a_training_has_its_curves_and_card_and_goes_on_where_it_was(tmp_path: Path) -> None:
    first = publish_training(tmp_path, None, trained(tmp_path, 2))
    assert first.warning is None
    again = publish_training(tmp_path, None, trained(tmp_path, 2))
    longer = publish_training(tmp_path, None, trained(tmp_path, 4))
    assert first.run_id == again.run_id == longer.run_id
    own = client(tmp_path)
    found = own.search_runs([first.experiment_id])
    assert [r.info.run_name for r in found] == ["datsr compact, seed 3"]
    assert own.get_experiment(first.experiment_id).name == "refbench training"
    data = found[0].data
    for name in ("loss", "good", "cpu_seconds"):
        history = own.get_metric_history(first.run_id, f"stage2.{name}")
        assert [(m.step, m.value) for m in history] == [(r["step"], r[name]) for r in rows(4)]
    assert (data.metrics["steps"], data.metrics["parameters"]) == (4, 8)
    assert (data.params["method"], data.params["stage2.batch"]) == ("datsr", "9")
    assert data.tags["checkpoint"] == "compact.safetensors"
    place = artifacts(tmp_path, first.run_id)
    assert sorted(p.name for p in place.iterdir()) == ["card.md", "curves.json", "curves.png", "recipe.json"]
    card = (place / "card.md").read_text()
    assert f"8 parameters, sha256 `{data.tags['checkpoint.sha256']}`" in card
    assert "| stage2 | 4 | cpu_seconds 8, good 0.4, loss 0.25 |" in card
    # where the photos are on somebody's disk is nobody else's business
    assert "/home/me" not in card + (place / "recipe.json").read_text() + str(data.params)


def timing(seconds: float) -> dict[str, Any]:
    spread = {"median": seconds, "q1": seconds, "q3": seconds}
    return {
        "wall_s": spread, "cpu_s": spread, "peak_mb": 10.0, "flops": 2_000_000_000, "least_bytes": 0,
        "operator_bytes": 0, "share": 1.0, "peak_share": None, "roofline_share": None,
    }  # fmt: skip


def profiled(seconds: float) -> dict[str, Any]:
    method = {
        "method": "datsr", "locator": "datsr", "size": [160, 160], "ref_size": [160, 160], "k": 2,
        "params": {"multi": "first"}, "weights": {"variant": "compact", "label": "compact"},
    }  # fmt: skip
    ok = {**method, "status": "ok", "stages": {"match": timing(seconds), "total": timing(2 * seconds)}}
    failed = {**method, "k": 4, "status": "memory", "error": "out of memory | 4 GB"}
    return {
        "key": "0123abcd",
        "conditions": {"device": "cpu", "precision": "fp32", "threads": None, "repeats": 3},
        "machine": None, "machine_error": "no probe", "peaks": None, "methods": [ok, failed],
        "method_growth": [], "matchers": [], "matcher_growth": [],
    }  # fmt: skip


def test_a_profile_is_a_parent_with_a_child_for_each_cell(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    for seconds in (1.0, 0.5):
        file.write_text(str(seconds))
        result = publish_profile(tmp_path, None, profiled(seconds), [file])
        assert result.warning is None
    runs = {r.info.run_name: r for r in client(tmp_path).search_runs([result.experiment_id])}
    good, bad = "datsr (compact) | 160x160 k=2", "datsr (compact) | 160x160 k=4"
    assert set(runs) == {"datsr", good, bad}
    assert {runs[n].data.tags["mlflow.parentRunId"] for n in (good, bad)} == {result.run_id}
    assert runs[good].data.metrics == {
        "match.wall_s": 0.5, "match.cpu_s": 0.5, "match.peak_mb": 10.0, "match.gflop": 2.0,
        "total.wall_s": 1.0, "total.cpu_s": 1.0, "total.peak_mb": 10.0, "total.gflop": 2.0,
    }  # fmt: skip
    assert runs[good].data.params == {
        "method": "datsr", "weights": "compact", "size": "160x160", "ref_size": "160x160", "k": "2",
        "multi": "first", "device": "cpu", "precision": "fp32", "repeats": "3",
    }  # fmt: skip
    assert (runs[good].info.status, runs[bad].info.status) == ("FINISHED", "FAILED")
    assert runs[bad].data.tags["error"] == "out of memory | 4 GB"
    place = artifacts(tmp_path, result.run_id)
    assert (place / "profile.json").read_text() == "0.5"
    assert r"memory: out of memory \| 4 GB" in (place / "profile.md").read_text()


@pytest.mark.parametrize("kept", ["checkpoint and curves are on disk", "the profile is on disk"])
def test_a_mirror_that_fails_is_a_warning(tmp_path: Path, kept: str) -> None:
    (tmp_path / ".mlflow.lock").mkdir()
    if kept.startswith("the profile"):
        result = publish_profile(tmp_path, None, profiled(1.0), [])
    else:
        result = publish_training(tmp_path, None, trained(tmp_path, 1))
    assert result.warning is not None
    assert result.warning.endswith(kept)
